//! Streams that read the store: in which order, how many at once, and what becomes of them when it fails.

use super::dcp::{Dcp, from_zero};
use super::gated::{Gate, gated_store};
use super::running::{Running, Wanted};
use millstream::Engine;
use millstream::engine::EngineSettings;
use millstream::store::{EmbeddedOptions, EmbeddedStore};
use millstream::types::{EndReason, Seqno, VbId};
use millstream::wire::dcp::{StreamFlags, StreamReq};
use millstream::wire::{Opcode, Status};

/// Streams of the store, which end with what is in it.
fn disk_only(vb: u16) -> StreamReq<'static> {
    StreamReq { flags: StreamFlags::DISK_ONLY, ..from_zero(vb) }
}

/// A server whose vbuckets have so many documents each, all of them in the store.
fn scene(gate: &Gate, vbuckets: u32, documents: u64) -> Running {
    let mut settings = EngineSettings::default();
    // What is told of here is told of one worker: several read for a connection at once, each in this way.
    settings.backfill_workers = 1;
    let store = gated_store(vbuckets, gate);
    let engine = Engine::builder(store).settings(settings).open().expect("an engine");
    let mut session = engine.session("test");
    let mut written = vec![0; vbuckets as usize];
    for n in 0_u64.. {
        let key = n.to_string();
        let vb = session.vbucket_of(key.as_bytes());
        let of_vb = &mut written[usize::from(vb.0)];
        if *of_vb < documents {
            *of_vb += 1;
            session.set(key.as_bytes(), b"value").expect("written");
        } else if written.iter().all(|written| *written == documents) {
            break;
        }
    }
    drop(session);
    let server = Running::over(engine, Wanted::default().server);
    (0..vbuckets as u16).for_each(|vb| server.persist(VbId(vb), Seqno(documents)));
    server
}

/// Asks for a stream of each vbucket; with its answer its backfill is on its way.
fn ask_for_all(dcp: &mut Dcp, vbuckets: u16) {
    let requests: Vec<_> = (0..vbuckets).map(disk_only).collect();
    dcp.request_streams(&requests);
    for _ in 0..vbuckets {
        assert_eq!(dcp.client_status(), Status::SUCCESS);
    }
}

fn read_to_the_end(dcp: &mut Dcp, vbuckets: u16) {
    let mut ended = 0;
    while ended < vbuckets {
        ended += u16::from(dcp.event().opcode() == Opcode::DCP_STREAM_END);
    }
}

#[test]
fn in_turns_or_one_after_the_other() {
    // Three slices each.
    const DOCUMENTS: u64 = 2 * 4096 + 100;
    let gate = Gate::default();
    let server = scene(&gate, 2, DOCUMENTS);
    let (a, b) = (VbId(0), VbId(1));
    let (open, read) = (|vb| (vb, false), |vb| (vb, true));
    let round_robin = [open(a), read(a), open(b), read(b), read(a), read(b), read(a), read(b)];
    let sequential = [open(a), open(b), read(a), read(a), read(a), read(b), read(b), read(b)];
    for (order, expected) in
        [(None, round_robin), (Some("round-robin"), round_robin), (Some("sequential"), sequential)]
    {
        let mut dcp = Dcp::open(&server, "order");
        if let Some(order) = order {
            dcp.control("backfill_order", order);
        }
        gate.let_scans_in(0);
        ask_for_all(&mut dcp, 2);
        gate.reads();
        gate.let_all_scans_in();
        read_to_the_end(&mut dcp, 2);
        let first = expected[0].0;
        let mut seen = gate.reads();
        if seen[0].0 != first {
            // The first one was the other vbucket's: which is, is up to the requests.
            seen.iter_mut().for_each(|(vb, _)| vb.0 ^= 1);
        }
        assert_eq!(seen, expected, "{order:?}");
        assert_eq!(dcp.verdict().mutations, 2 * DOCUMENTS);
    }
}

#[test]
fn a_connection_has_sixty_four_at_once_and_the_rest_wait() {
    let gate = Gate::default();
    let server = scene(&gate, 70, 3);
    let mut dcp = Dcp::open(&server, "many");
    gate.let_scans_in(0);
    ask_for_all(&mut dcp, 70);
    // The first was taken before the last had come; the second knows of all.
    gate.wait_for_scan();
    gate.let_scans_in(1);
    while gate.reads().is_empty() {
        std::thread::yield_now();
    }
    gate.wait_for_scan();
    let mut counts = server.engine.connections()[0].backfills.expect("it is open");
    while counts.pending == 0 {
        std::thread::yield_now();
        counts = server.engine.connections()[0].backfills.expect("it is open");
    }
    assert!(counts.initializing + counts.active <= 64, "{counts:?}");
    assert!((5..=6).contains(&counts.pending), "{counts:?}");
    gate.let_all_scans_in();
    read_to_the_end(&mut dcp, 70);
    let report = dcp.verdict();
    assert_eq!((report.mutations, report.ended), (210, 70));
    assert_eq!(server.engine.stats().backfills, 0, "all places were given back");
}

#[test]
fn a_store_that_fails_ends_the_stream() {
    let gate = Gate::default();
    let server = scene(&gate, 2, 3);
    let mut dcp = Dcp::open(&server, "fails");
    gate.fail_scans();
    let (failing, _) = dcp.stream(&disk_only(0));
    let frame = dcp.event();
    assert_eq!((frame.opcode(), frame.opaque()), (Opcode::DCP_STREAM_END, failing));
    assert_eq!(frame.extras(), (EndReason::BackfillFailed as u32).to_be_bytes());
    gate.let_all_scans_in();
    let (again, _) = dcp.stream(&disk_only(0));
    let marker = dcp.event();
    assert_eq!((marker.opcode(), marker.opaque()), (Opcode::DCP_SNAPSHOT_MARKER, again));
    read_to_the_end(&mut dcp, 1);
    let report = dcp.verdict();
    assert_eq!((report.accepted, report.ended, report.mutations), (2, 2, 3));
}

/// A client that does not read while everything is overwritten: the store keeps only so much for it.
#[test]
fn a_client_that_reads_too_slowly_is_told_so() {
    const DOCUMENTS: u64 = 3 * 4096;
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = EmbeddedOptions::default();
    options.vbuckets = 1;
    options.superseded_max = 100;
    let store = EmbeddedStore::open(folder.path(), options).expect("a store");
    let mut settings = EngineSettings::default();
    // The scan stops behind its first slice.
    settings.backfill_buffer_bytes = 1;
    let engine = Engine::builder(store).settings(settings).open().expect("an engine");
    let write = |value: &[u8]| {
        let mut session = engine.session("test");
        for n in 0..DOCUMENTS {
            session.set(&n.to_be_bytes(), value).expect("written");
        }
    };
    write(b"first");
    let server = Running::over(engine.clone(), Wanted::default().server);
    server.persist(VbId(0), Seqno(DOCUMENTS));
    let mut dcp = Dcp::open(&server, "slow");
    dcp.control("connection_buffer_size", "1");
    let (opaque, _) = dcp.stream(&disk_only(0));
    dcp.marker();
    // The second time is what the store lets go of, for it knows then what the first would have kept.
    for (value, upto) in [(&b"second"[..], 2 * DOCUMENTS), (b"third", 3 * DOCUMENTS)] {
        write(value);
        server.persist(VbId(0), Seqno(upto));
    }
    dcp.control("connection_buffer_size", "0");
    let mut documents = 0;
    let end = loop {
        let frame = dcp.event();
        assert_eq!(frame.opaque(), opaque);
        if frame.opcode() == Opcode::DCP_STREAM_END {
            break frame;
        }
        documents += 1;
    };
    assert_eq!(end.extras(), (EndReason::Slow as u32).to_be_bytes());
    assert!((1..DOCUMENTS).contains(&documents), "{documents} had been read before");
}

/// Of a stream that waits for its scan, one that reads it and one that has read it.
#[test]
fn what_a_backfill_has_yet_to_read_is_told() {
    let gate = Gate::default();
    let server = scene(&gate, 1, 300);
    let remaining = || server.engine.connections()[0].items_remaining();
    let mut dcp = Dcp::open(&server, "estimated");
    dcp.control("connection_buffer_size", "44");
    gate.let_scans_in(0);
    dcp.stream(&disk_only(0));
    gate.wait_for_scan();
    assert_eq!(remaining(), 300, "all of it, on disk alone");
    gate.let_all_scans_in();
    dcp.marker();
    assert_eq!(remaining(), 300, "announced, and held back by the window");
    dcp.ack(44);
    dcp.event();
    assert_eq!(remaining(), 299);
    dcp.control("connection_buffer_size", "0");
    read_to_the_end(&mut dcp, 1);
    assert_eq!(remaining(), 0);
}

//! Purged tombstones: who is sent back because of them, when it asks for a stream and when its backfill begins, and who
//! is not.

use super::dcp::{Dcp, from_zero};
use super::requests::{delete, set};
use super::running::{Running, Wanted};
use millstream::engine::EngineSettings;
use millstream::types::{EndReason, Seqno, VbId, VbUuid};
use millstream::wire::Status;
use millstream::wire::dcp::{RollbackAnswer, StreamFlags, StreamReq};
use std::time::Duration;

const VB: u16 = 5;

fn start(change: impl FnOnce(&mut EngineSettings)) -> Running {
    let mut wanted = Wanted::default();
    wanted.engine.purge_after = None;
    change(&mut wanted.engine);
    wanted.start()
}

/// Writes `n` documents, of which those named are deleted.
fn write(server: &Running, vb: u16, documents: u32, deleted: core::ops::Range<u32>) {
    let mut client = server.client();
    for n in 0..documents {
        client.store(set(vb, format!("key {n:05}").as_bytes(), b"value"));
    }
    for n in deleted {
        let key = format!("key {n:05}");
        let status = client.status(|o, out| delete(vb, key.as_bytes()).encode(o, out));
        assert_eq!(status, Status::SUCCESS);
    }
}

fn persist(server: &Running, vb: u16) {
    let high = server.engine.vbucket(VbId(vb)).expect("it exists").high;
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert!(runtime.block_on(server.engine.persisted(VbId(vb), high)));
}

fn purge(server: &Running, vb: u16) -> u64 {
    persist(server, vb);
    server.engine.purge(VbId(vb), Duration::ZERO).expect("purged")
}

fn at(vb: u16, start: u64, uuid: VbUuid) -> StreamReq<'static> {
    let (start, snap) = (Seqno(start), Seqno(start));
    StreamReq { start, snap_start: snap, snap_end: snap, uuid, ..from_zero(vb) }
}

/// Ten documents, of which five are deleted: purged up to 14, at 15.
fn purged(server: &Running) -> VbUuid {
    write(server, VB, 10, 0..5);
    assert_eq!(purge(server, VB), 4, "the newest stays");
    let stats = server.engine.vbucket(VbId(VB)).expect("it exists");
    assert_eq!((stats.high, stats.purge, stats.items), (Seqno(15), Seqno(14), 5));
    server.engine.failover_log(VbId(VB)).expect("it exists")[0].uuid
}

#[test]
fn a_client_that_has_not_seen_purged_tombstones_starts_again() {
    let server = start(|_| ());
    let uuid = purged(&server);
    let mut dcp = Dcp::open(&server, "purged");
    for start in [1, 10, 13] {
        let frame = dcp.try_stream(&at(VB, start, uuid));
        assert_eq!(frame.status(), Status::ROLLBACK, "from {start}");
        let back = RollbackAnswer::parse(&frame).expect("eight bytes").expect("a rollback");
        assert_eq!(back.to, Seqno(0));
    }
    dcp.stream(&at(VB, 14, uuid));
    drop(dcp);
    let mut dcp = Dcp::open(&server, "from zero");
    dcp.stream(&StreamReq { flags: StreamFlags::DISK_ONLY, ..from_zero(VB) });
    let (first, last) = dcp.marker();
    assert_eq!((first, last), (Seqno(0), Seqno(15)));
    let mut kinds = Vec::new();
    for _ in 0..6 {
        kinds.push(dcp.event().opcode());
    }
    assert_eq!(dcp.end(), EndReason::Ok);
    use millstream::wire::Opcode;
    let (documents, deletions) = (vec![Opcode::DCP_MUTATION; 5], vec![Opcode::DCP_DELETION]);
    assert_eq!(kinds, [documents, deletions].concat(), "five documents, and the newest deletion");
}

#[test]
fn who_does_not_mind_is_not_sent_back() {
    let server = start(|_| ());
    let uuid = purged(&server);
    let ignores = StreamFlags::IGNORE_PURGED_TOMBSTONES;
    let disk = StreamFlags::DISK_ONLY;
    let mut dcp = Dcp::open(&server, "ignores");
    let request = StreamReq { flags: StreamFlags(ignores.0 | disk.0), ..at(VB, 10, uuid) };
    dcp.stream(&request);
    // The backfill does not mind either.
    dcp.marker();
    dcp.event();
    assert_eq!(dcp.end(), EndReason::Ok);
}

/// A stream that fell behind what is in memory finds out when it turns to the store.
#[test]
fn a_stream_that_fell_behind_a_purge_ends() {
    let server = start(|settings| settings.window_items = 64);
    write(&server, VB, 3, 0..0);
    let uuid = server.engine.failover_log(VbId(VB)).expect("it exists")[0].uuid;
    let mut dcp = Dcp::open(&server, "slow");
    dcp.control("connection_buffer_size", "100");
    dcp.stream(&from_zero(VB));
    dcp.marker();
    let frame = dcp.event();
    let sent = dcp.counted as u32;
    assert!(sent >= 100, "the window is shut after {frame:?}");
    write(&server, VB, 2_000, 0..2_000);
    assert!(purge(&server, VB) > 1_000);
    dcp.ack(sent);
    assert_eq!(dcp.end(), EndReason::StateChanged);
    dcp.ack(28);
    let frame = dcp.try_stream(&at(VB, 1, uuid));
    assert_eq!(frame.status(), Status::ROLLBACK);
    let back = RollbackAnswer::parse(&frame).expect("eight bytes").expect("a rollback");
    assert_eq!(back.to, Seqno(0));
}

/// Granted, and purged before its backfill begins: the stream ends, and the next request says why.
#[test]
fn a_purge_between_request_and_backfill_ends_the_stream() {
    for ignores in [false, true] {
        let server = start(|settings| {
            (settings.window_items, settings.backfills_max) = (64, 1);
            settings.backfill_buffer_bytes = 1024;
        });
        // Another's backfill, which nobody reads, has the only place.
        let mut other = Dcp::open(&server, "other");
        write(&server, VB + 1, 6_000, 0..0);
        persist(&server, VB + 1);
        other.control("connection_buffer_size", "100");
        other.stream(&from_zero(VB + 1));
        other.marker();
        write(&server, VB, 2_000, 0..1_000);
        persist(&server, VB);
        let uuid = server.engine.failover_log(VbId(VB)).expect("it exists")[0].uuid;
        let flags = if ignores { StreamFlags::IGNORE_PURGED_TOMBSTONES } else { StreamFlags::NONE };
        let disk = StreamFlags(flags.0 | StreamFlags::DISK_ONLY.0);
        let mut dcp = Dcp::open(&server, "waits");
        dcp.stream(&StreamReq { flags: disk, ..at(VB, 2_100, uuid) });
        dcp.is_silent();
        assert_eq!(purge(&server, VB), 999);
        drop(other);
        if ignores {
            dcp.marker();
            dcp.event();
            assert_eq!(dcp.end(), EndReason::Ok);
        } else {
            assert_eq!(dcp.end(), EndReason::StateChanged);
            assert_eq!(dcp.try_stream(&at(VB, 2_100, uuid)).status(), Status::ROLLBACK);
        }
    }
}

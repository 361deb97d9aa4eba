//! Deletions and expirations: every layout there is, and the time that they carry.

use super::dcp::{Dcp, from_zero};
use super::requests::{delete, set};
use super::running::{Running, Wanted};
use millstream::engine::{Clock, Engine, EngineSettings};
use millstream::store::MemoryStore;
use millstream::types::{DocKind, Seqno, VbId};
use millstream::wire::dcp::{OpenFlags, StreamFlags, StreamMessage, StreamReq};
use millstream::wire::kv::Store;
use millstream::wire::{Feature, Status};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A time of day that a test moves; in seconds.
#[derive(Clone)]
struct Hands(Arc<AtomicU64>);

impl Clock for Hands {
    fn unix_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst) * 1_000_000_000
    }
}

const WRITTEN_AT: u32 = 1_700_000_000;
const DELETED_AT: u32 = WRITTEN_AT + 1_000;
const EXPIRES_AT: u32 = WRITTEN_AT + 5_000;
/// When somebody looks at the document that has expired.
const LOOKED_AT: u32 = WRITTEN_AT + 9_000;

/// What a message of a tombstone is made of: kind, length of the extras, time of the delete.
type Cell = (DocKind, usize, Option<u32>);

/// A document that was deleted before its time ran out, and one whose time ran out.
fn scene() -> Running {
    let hands = Hands(Arc::new(AtomicU64::new(u64::from(WRITTEN_AT))));
    let mut settings = EngineSettings::default();
    // Nobody looks for expired documents but the test.
    settings.expiry_interval = Duration::from_secs(u64::from(u32::MAX));
    let builder = Engine::builder(MemoryStore::new(16)).settings(settings).clock(hands.clone());
    let server = Running::over(builder.open().expect("an engine"), Wanted::default().server);
    let mut writer = server.client();
    for key in [b"deleted", b"expired"] {
        writer.store(Store { expiry: EXPIRES_AT, ..set(0, key, b"1") });
    }
    hands.0.store(u64::from(DELETED_AT), Ordering::SeqCst);
    assert_eq!(writer.status(|o, out| delete(0, b"deleted").encode(o, out)), Status::SUCCESS);
    hands.0.store(u64::from(LOOKED_AT), Ordering::SeqCst);
    assert!(!writer.has(0, b"expired"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.engine.vbucket(VbId(0)).is_none_or(|stats| stats.persisted < Seqno(4)) {
        assert!(Instant::now() < deadline, "it is persisted");
        std::thread::yield_now();
    }
    server
}

/// The two tombstones as a connection shows them: of the delete, and of the expiry.
fn shown(
    server: &Running,
    opened: OpenFlags,
    features: &[Feature],
    expiry: bool,
) -> [[Cell; 2]; 2] {
    [StreamFlags::NONE, StreamFlags::DISK_ONLY].map(|flags| {
        let mut dcp = Dcp::open_as(server, "deletions", opened, features);
        if expiry {
            dcp.control("enable_expiry_opcode", "true");
        }
        dcp.stream(&StreamReq { flags, end: Seqno(4), ..from_zero(0) });
        dcp.marker();
        let prefix = usize::from(features.contains(&Feature::COLLECTIONS));
        let cells = [(&b"deleted"[..], 3), (b"expired", 4)].map(|(key, seqno)| {
            let frame = dcp.event();
            let extras = frame.extras().len();
            assert_eq!(frame.wire_len(), 24 + extras + prefix + key.len());
            assert_eq!((&frame.key()[prefix..], frame.value()), (key, &b""[..]));
            match StreamMessage::parse(&frame).expect("a message") {
                StreamMessage::Deletion(d) => {
                    assert_eq!((d.seqno, d.rev.0), (Seqno(seqno), 2));
                    (DocKind::Deleted, extras, d.delete_time)
                }
                StreamMessage::Expiration(e) => {
                    assert_eq!((e.seqno, e.rev.0), (Seqno(seqno), 2));
                    (DocKind::Expired, extras, Some(e.delete_time))
                }
                other => panic!("a tombstone, not {other:?}"),
            }
        });
        dcp.end();
        dcp.verdict();
        cells
    })
}

#[test]
fn every_layout_has_its_length_and_the_time_of_the_delete() {
    let server = scene();
    let timed = OpenFlags::PRODUCER.with(OpenFlags::INCLUDE_DELETE_TIMES);
    let plain = (DocKind::Deleted, 18, None);
    let delete = (DocKind::Deleted, 21, Some(DELETED_AT));
    let expiry_as_delete = (DocKind::Deleted, 21, Some(LOOKED_AT));
    let expiry = (DocKind::Expired, 20, Some(LOOKED_AT));
    let matrix = [
        (OpenFlags::PRODUCER, false, [plain, plain]),
        (OpenFlags::PRODUCER, true, [plain, plain]),
        (timed, false, [delete, expiry_as_delete]),
        (timed, true, [delete, expiry]),
    ];
    for (opened, opcode, expected) in matrix {
        for features in [&[][..], &[Feature::COLLECTIONS], &[Feature::SNAPPY, Feature::JSON]] {
            for more in [OpenFlags::NONE, OpenFlags::NO_VALUE, OpenFlags::NO_VALUE_WITH_DATATYPE] {
                let shown = shown(&server, opened.with(more), features, opcode);
                assert_eq!(shown, [expected; 2], "{opened:?} {opcode} {features:?} {more:?}");
            }
        }
    }
}

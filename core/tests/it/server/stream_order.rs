//! Which of several things that are wrong with a stream request is answered: the one that is looked at first, as
//! the page on stream requests has it.

use super::dcp::{Dcp, from_zero};
use super::requests::set;
use super::running::Running;
use millstream::types::{Seqno, VbId, VbState, VbUuid};
use millstream::wire::dcp::{StreamFlags, StreamReq};
use millstream::wire::kv::Hello;
use millstream::wire::{Feature, FeatureSet, Status};

/// A vbucket with documents, one that is dead, and one that does not exist.
const VB: u16 = 1;
const DEAD: u16 = 2;
const UNKNOWN: u16 = 99;

/// A connection and its request, with which nothing is wrong.
#[derive(Clone)]
struct Scene {
    collections: bool,
    noop: bool,
    /// There is a stream of the vbucket already.
    live: bool,
    request: StreamReq<'static>,
    members: Vec<&'static str>,
    damaged: bool,
}

/// Something that is wrong, in the order of looking; of one row only the first is found.
struct Fault {
    row: u32,
    name: &'static str,
    make: fn(&mut Scene),
    status: Status,
}

const fn fault(row: u32, name: &'static str, make: fn(&mut Scene), status: Status) -> Fault {
    Fault { row, name, make, status }
}

const FAULTS: [Fault; 17] = [
    fault(1, "unknown flag", |s| add(s, StreamFlags(0x200)), Status::EINVAL),
    fault(2, "value without collections", |s| s.collections = false, Status::EINVAL),
    fault(3, "flag not built", |s| add(s, StreamFlags::CACHE_TRANSFER), Status::NOT_SUPPORTED),
    fault(4, "unknown vbucket", |s| s.request.vb = VbId(UNKNOWN), Status::NOT_MY_VBUCKET),
    fault(4, "dead vbucket", |s| s.request.vb = VbId(DEAD), Status::NOT_MY_VBUCKET),
    fault(5, "no-ops are off", |s| s.noop = false, Status::NOT_SUPPORTED),
    fault(6, "start above end", |s| s.request.end = Seqno(1), Status::ERANGE),
    fault(7, "outside its snapshot", |s| s.request.snap_start = Seqno(7), Status::ERANGE),
    fault(8, "not JSON", |s| s.damaged = true, Status::EINVAL),
    fault(8, "cache transfer", |s| s.members.push(r#""cts":{}"#), Status::NOT_SUPPORTED),
    fault(8, "both filters", |s| s.members.extend([COLLECTION, SCOPE]), Status::EINVAL),
    fault(8, "stream id 0", |s| s.members.push(r#""sid":0"#), Status::DCP_STREAM_ID_INVALID),
    fault(8, "unknown collection", |s| s.members.push(COLLECTION), Status::UNKNOWN_COLLECTION),
    fault(8, "unknown scope", |s| s.members.push(SCOPE), Status::UNKNOWN_SCOPE),
    fault(9, "stream id", |s| s.members.push(r#""sid":3"#), Status::DCP_STREAM_ID_INVALID),
    fault(10, "live stream", |s| s.live = true, Status::KEY_EEXISTS),
    fault(11, "another history", |s| s.request.uuid = VbUuid(0xbad), Status::ROLLBACK),
];

const COLLECTION: &str = r#""collections":["77"]"#;
const SCOPE: &str = r#""scope":"77""#;

fn add(scene: &mut Scene, flags: StreamFlags) {
    scene.request.flags = scene.request.flags.with(flags);
}

/// A client that has the first half of the vbucket's history, and asks for all that follows.
fn scene(server: &Running) -> Scene {
    let log = server.engine.failover_log(VbId(VB)).expect("it exists");
    let (half, uuid) = (Seqno(5), log[0].uuid);
    Scene {
        collections: true,
        noop: true,
        live: false,
        request: StreamReq { start: half, snap_start: half, snap_end: half, uuid, ..from_zero(VB) },
        members: vec![r#""uid":"0""#],
        damaged: false,
    }
}

/// The status of the answer to a scene's request.
fn asked(server: &Running, scene: &Scene) -> Status {
    let mut dcp = Dcp::open(server, "order");
    if scene.collections {
        let features = FeatureSet::of(&[Feature::COLLECTIONS]);
        let hello = Hello { agent: b"", features };
        assert_eq!(dcp.status(|opaque, out| hello.encode(opaque, out)), Status::SUCCESS);
    }
    if scene.noop {
        dcp.control("enable_noop", "true");
    }
    if scene.live {
        dcp.stream(&from_zero(VB));
    }
    let end = if scene.damaged { ",}" } else { "}" };
    let value = format!("{{{}{end}", scene.members.join(","));
    // Requests live as long as the test's connection may look back at them.
    let value = String::leak(value).as_bytes();
    dcp.request_streams(&[StreamReq { value, ..scene.request }]);
    loop {
        let frame = dcp.message();
        if frame.header().magic.is_response() {
            return frame.status();
        }
    }
}

fn server() -> Running {
    let server = Running::start();
    let mut client = server.client();
    for n in 0..10 {
        client.store(set(VB, format!("key-{n}").as_bytes(), b"value"));
    }
    server.engine.set_vbucket_state(VbId(DEAD), VbState::Dead).expect("it exists");
    server
}

#[test]
fn of_two_things_that_are_wrong_the_first_to_be_looked_at_is_answered() {
    let server = server();
    assert_eq!(asked(&server, &scene(&server)), Status::SUCCESS, "nothing is wrong");
    for first in &FAULTS {
        let mut one = scene(&server);
        (first.make)(&mut one);
        assert_eq!(asked(&server, &one), first.status, "{}", first.name);
        for second in FAULTS.iter().filter(|second| second.row > first.row) {
            let mut two = one.clone();
            (second.make)(&mut two);
            assert_eq!(asked(&server, &two), first.status, "{}, {}", first.name, second.name);
        }
    }
}

#[test]
fn everything_wrong_at_once_is_answered_one_after_the_other() {
    let server = server();
    for (n, first) in FAULTS.iter().enumerate() {
        let mut all = scene(&server);
        (first.make)(&mut all);
        for later in FAULTS[n..].iter().filter(|later| later.row > first.row) {
            (later.make)(&mut all);
        }
        assert_eq!(asked(&server, &all), first.status, "from {} on", first.name);
    }
}

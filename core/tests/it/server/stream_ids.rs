//! Several streams on one vbucket of one connection, told apart by ids.

use super::client::Client;
use super::dcp::from_zero;
use super::requests::set;
use super::running::Running;
use super::sids::{Saw, Sids, aware, key};
use millstream::stream::StreamState;
use millstream::types::{CollectionId, EndReason, Seqno, Sid, VbId, VbState};
use millstream::wire::dcp::{CloseStream, OpenFlags, StreamFlags, StreamReq};
use millstream::wire::kv::{Noop, Store};
use millstream::wire::{Opcode, Status};
use std::collections::HashMap;

const VB: u16 = 3;

/// A request for everything of [`VB`], with a value.
fn with(value: &str) -> StreamReq<'_> {
    StreamReq { value: value.as_bytes(), ..from_zero(VB) }
}

fn put(client: &mut Client, key: &[u8], value: &[u8]) {
    client.store(Store { key, value, ..set(VB, b"", b"") });
}

/// The collections 8 and 9, with two documents each.
fn scene() -> (Running, Client) {
    let server = Running::start();
    for (name, id) in [("hotels", 8), ("flights", 9)] {
        let made = server.engine.create_collection("_default", name, 0).expect("a collection");
        assert!(made.collection(CollectionId(id)).is_some());
    }
    let mut writer = aware(&server);
    for (n, collection) in [8, 9, 8, 9].into_iter().enumerate() {
        put(&mut writer, &key(collection, &format!("k{n}")), b"value");
    }
    (server, writer)
}

#[test]
fn ids_are_needed_once_they_are_on_and_refused_before() {
    let (server, _) = scene();
    let mut dcp = Sids::without(&server, "rules", OpenFlags::NONE);
    let status = |dcp: &mut Sids, value: &str| dcp.try_stream(None, &with(value)).status();
    assert_eq!(status(&mut dcp, r#"{"sid":7}"#), Status::DCP_STREAM_ID_INVALID);
    assert_eq!(dcp.try_close(VB, Some(7)), Status::DCP_STREAM_ID_INVALID);
    assert_eq!(dcp.try_control("enable_stream_id", "false"), Status::EINVAL);
    for _ in 0..2 {
        dcp.control("enable_stream_id", "true");
    }
    assert_eq!(dcp.try_control("enable_stream_id", "false"), Status::EINVAL, "it stays on");
    assert_eq!(dcp.try_control("enable_sync_writes", "true"), Status::NOT_SUPPORTED);
    for value in ["", r#"{"uid":"0"}"#, r#"{"sid":0}"#, r#"{"sid":65536}"#, r#"{"sid":"7"}"#] {
        assert_eq!(status(&mut dcp, value), Status::DCP_STREAM_ID_INVALID, "{value}");
    }
    assert_eq!(dcp.try_close(VB, None), Status::DCP_STREAM_ID_INVALID);
    assert_eq!(dcp.try_close(VB, Some(7)), Status::KEY_ENOENT, "the vbucket has no stream yet");
    assert_eq!(dcp.try_close(999, Some(7)), Status::KEY_ENOENT);
    dcp.stream_of(VB, 65_535);
    dcp.events(Some(65_535), 7);
    assert_eq!(dcp.try_close(VB, Some(7)), Status::DCP_STREAM_ID_INVALID, "another's id");
    assert_eq!(dcp.try_close(VB + 1, Some(65_535)), Status::KEY_ENOENT);
    dcp.close_silently(VB, 65_535);
    assert_eq!(dcp.try_close(VB, Some(65_535)), Status::DCP_STREAM_ID_INVALID, "it is gone");
    dcp.verdict();
}

#[test]
fn each_stream_has_its_own_filter_and_place() {
    let (server, mut writer) = scene();
    let high = server.engine.vbucket(VbId(VB)).expect("it exists").high.0;
    assert_eq!(high, 6, "two events and four documents");
    let mut dcp = Sids::open(&server, "filters");
    dcp.stream(Some(1), &with(r#"{"sid":1,"collections":["8"]}"#));
    let doc = |seqno, collection, name: &str| Saw::Doc(seqno, key(collection, name));
    let of_8 = [Saw::Marker(0, 6), Saw::Event(1), doc(3, 8, "k0"), doc(5, 8, "k2")];
    let expected = [&of_8[..], &[Saw::Advanced(6)]].concat();
    assert_eq!(dcp.events(Some(1), 5), expected);
    dcp.stream(Some(2), &with(r#"{"sid":2,"collections":["9"]}"#));
    let expected = [Saw::Marker(0, 6), Saw::Event(2), doc(4, 9, "k1"), doc(6, 9, "k3")];
    assert_eq!(dcp.events(Some(2), 4), expected);
    let latest = StreamReq { flags: StreamFlags::FROM_LATEST, ..with(r#"{"sid":3}"#) };
    dcp.stream(Some(3), &latest);
    let bounded = StreamReq { end: Seqno(3), ..with(r#"{"sid":4}"#) };
    dcp.stream(Some(4), &bounded);
    let ended = dcp.events(Some(4), 5);
    assert_eq!(ended[3..], [doc(3, 8, "k0"), Saw::End(EndReason::Ok)]);
    let exists = dcp.try_stream(Some(2), &with(r#"{"sid":2}"#));
    assert_eq!(exists.status(), Status::KEY_EEXISTS);
    dcp.is_silent();
    // All three go on from where they are.
    put(&mut writer, &key(9, "new"), b"value");
    let seen = dcp.by_stream(2 + 2 + 2);
    assert_eq!(seen[&1], [Saw::Marker(7, 7), Saw::Advanced(7)]);
    assert_eq!(seen[&2], [Saw::Marker(7, 7), doc(7, 9, "new")]);
    assert_eq!(seen[&3], [Saw::Marker(6, 7), doc(7, 9, "new")]);
    dcp.verdict();
}

#[test]
fn an_id_counts_three_bytes_more() {
    let (server, _) = scene();
    let mut dcp = Sids::open(&server, "counted");
    dcp.control("connection_buffer_size", "100");
    dcp.stream_of(VB, 5);
    // The marker is below the window, the event behind it is the one message above it.
    assert_eq!(dcp.events(Some(5), 1), [Saw::Marker(0, 6)]);
    assert_eq!(dcp.counted, 44 + 3);
    assert_eq!(dcp.events(Some(5), 1), [Saw::Event(1)]);
    dcp.is_silent();
    assert_eq!(dcp.status(|o, out| Noop.encode(o, out)), Status::SUCCESS);
    let stats = &server.engine.connections()[0];
    assert_eq!((stats.bytes_sent, stats.unacked_bytes), (dcp.counted, dcp.counted));
    let out = dcp.counted;
    dcp.ack(out);
    dcp.events(Some(5), 1);
}

#[test]
fn a_state_change_ends_every_stream_of_the_vbucket() {
    let (server, _) = scene();
    let mut dcp = Sids::open(&server, "state");
    let sids = [4, 9, 2, 700, 65_535];
    let mut opaques = HashMap::new();
    for sid in sids {
        opaques.insert(sid, dcp.stream_of(VB, sid));
        dcp.events(Some(sid), 7);
    }
    dcp.stream_of(VB + 1, 4);
    dcp.events(Some(4), 3);
    dcp.close_silently(VB, 4);
    dcp.control("connection_buffer_size", "1000000");
    let before = dcp.counted;
    server.engine.set_vbucket_state(VbId(VB), VbState::Dead).expect("it exists");
    let mut ended = Vec::new();
    for _ in 1..sids.len() {
        let (sid, opaque, saw) = dcp.event();
        let sid = sid.expect("an id");
        assert_eq!((saw, opaque), (Saw::End(EndReason::StateChanged), opaques[&sid]));
        ended.push(sid);
    }
    ended.sort_unstable();
    assert_eq!(ended, [2, 9, 700, 65_535], "each once, but for the one that was closed");
    assert_eq!(dcp.counted - before, 4 * (28 + 3));
    dcp.is_silent();
    let stats = &server.engine.connections()[0];
    assert_eq!(stats.unacked_bytes, 4 * (28 + 3), "each counted in the window");
    assert_eq!(stats.streams.len(), 1, "that of the other vbucket");
    let refused = dcp.try_stream(Some(2), &with(r#"{"sid":2}"#));
    assert_eq!(refused.status(), Status::NOT_MY_VBUCKET);
    dcp.verdict();
}

#[test]
fn streams_of_one_vbucket_have_fair_turns() {
    const DOCUMENTS: u64 = 1000;
    const SIDS: u64 = 5;
    const TURN: u64 = millstream::limits::STREAM_TURN_MESSAGES as u64;
    let server = Running::start();
    let mut session = server.engine.session("test");
    let keys = (0_u64..).map(|n| n.to_string());
    let in_vb: Vec<_> =
        keys.filter(|key| session.vbucket_of(key.as_bytes()) == VbId(VB)).take(1000).collect();
    for key in &in_vb {
        session.set(key.as_bytes(), b"value").expect("written");
    }
    drop(session);
    let mut dcp = Sids::open(&server, "fair");
    // Nothing goes out while the streams are asked for.
    dcp.control("connection_buffer_size", "1");
    for sid in 1..=SIDS as u16 {
        let value = format!(r#"{{"sid":{sid}}}"#);
        let request = StreamReq { end: Seqno(DOCUMENTS), ..with(&value) };
        dcp.request_stream(Some(sid), &request);
    }
    let (mut answers, mut counts) = (0, HashMap::new());
    let mut count = |dcp: &mut Sids| {
        let (sid, _, saw) = dcp.event();
        if matches!(saw, Saw::Doc(..)) {
            *counts.entry(sid).or_insert(0_u64) += 1;
        }
        let (least, most) = (counts.values().min(), counts.values().max());
        let spread = most.zip(least).map_or(0, |(most, least)| most - least);
        (counts.len() as u64, spread)
    };
    // And the one message that a window of one byte lets through.
    while answers < SIDS + 1 {
        let frame = dcp.message();
        if frame.opcode() == Opcode::DCP_STREAM_REQ {
            assert_eq!(frame.status(), Status::SUCCESS);
        } else {
            assert_eq!(frame.opcode(), Opcode::DCP_SNAPSHOT_MARKER);
        }
        answers += 1;
    }
    dcp.forget();
    dcp.control("connection_buffer_size", "0");
    let mut spread_most = 0;
    for n in 0..SIDS * DOCUMENTS - 200 {
        let (started, spread) = count(&mut dcp);
        assert!(n < SIDS * (TURN + 4) || started == SIDS, "all are served from the start");
        spread_most = spread_most.max(if started == SIDS { spread } else { 0 });
    }
    assert!(spread_most <= 2 * TURN, "never more than two turns apart, not {spread_most}");
}

#[test]
fn stats_show_each_stream() {
    let (server, _) = scene();
    let mut dcp = Sids::open(&server, "stats");
    for sid in [7, 3] {
        dcp.stream_of(VB, sid);
        dcp.events(Some(sid), 7);
    }
    dcp.stream(Some(9), &StreamReq { end: Seqno(3), ..with(r#"{"sid":9}"#) });
    dcp.events(Some(9), 5);
    assert_eq!(dcp.status(|o, out| Noop.encode(o, out)), Status::SUCCESS);
    let stats = server.engine.connections();
    let streams: Vec<_> =
        stats[0].streams.iter().map(|s| (s.vb, s.sid, s.state, s.last_sent)).collect();
    let one = |sid| (VbId(VB), Some(Sid(sid)), StreamState::InMemory, Seqno(6));
    assert_eq!(streams, [one(7), one(3)]);
    let group = super::stats::stats(&mut aware(&server), "dcp");
    for sid in [7, 3] {
        let name = format!("eq_dcpq:stats:stream_{VB}_sid_{sid}_last_sent_seqno");
        assert_eq!(group[&name], "6");
    }
    assert_eq!(group["eq_dcpq:stats:num_streams"], "2");
}

/// Slots are used again, by whatever stream of the vbucket comes next.
#[test]
fn streams_come_and_go() {
    let (server, _) = scene();
    let mut dcp = Sids::open(&server, "come and go");
    for round in 0..50_u16 {
        for sid in [1 + round, 1000 + round, 2000 + round] {
            dcp.stream_of(VB, sid);
            dcp.events(Some(sid), 7);
        }
        let closed = if round % 2 == 0 { 1000 + round } else { 1 + round };
        for sid in [closed, 2000 + round] {
            dcp.close_silently(VB, sid);
        }
    }
    assert_eq!(dcp.status(|o, out| Noop.encode(o, out)), Status::SUCCESS);
    let mut sids: Vec<_> =
        server.engine.connections()[0].streams.iter().map(|s| s.sid.map(|sid| sid.0)).collect();
    sids.sort_unstable();
    let mut expected: Vec<_> =
        (0..50).map(|n| Some(if n % 2 == 0 { 1 + n } else { 1000 + n })).collect();
    expected.sort_unstable();
    assert_eq!(sids, expected);
    server.engine.set_vbucket_state(VbId(VB), VbState::Dead).expect("it exists");
    for _ in 0..50 {
        assert_eq!(dcp.event().2, Saw::End(EndReason::StateChanged));
    }
    dcp.verdict();
}

/// A close that is followed at once by a request for the same stream, in one write, with the window shut: the old
/// stream's end comes first, under the old opaque, and once; then the new stream, under its own.
#[test]
fn closed_and_asked_for_again_at_once() {
    for told in [false, true] {
        let (server, _) = scene();
        let mut dcp = Sids::open(&server, "again");
        if told {
            dcp.control("send_stream_end_on_client_close_stream", "true");
        }
        dcp.control("connection_buffer_size", "1");
        let first = dcp.stream_of(VB, 7);
        let (sid, opaque, saw) = dcp.event();
        assert_eq!((sid, opaque, saw), (Some(7), first, Saw::Marker(0, 6)));
        let other = dcp.stream_of(VB, 8);
        dcp.is_silent();
        let close = CloseStream { vb: VbId(VB), sid: Some(Sid(7)) };
        let mut out = bytes::BytesMut::new();
        let opaques = [(); 6].map(|()| dcp.opaque());
        for pair in opaques.chunks(2) {
            close.encode(pair[0], &mut out);
            with(r#"{"sid":7}"#).encode(pair[1], &mut out);
        }
        dcp.send(&out);
        for opaque in opaques {
            let frame = dcp.message();
            assert_eq!((frame.opaque(), frame.status()), (opaque, Status::SUCCESS));
        }
        dcp.is_silent();
        dcp.forget();
        // Counted twice, this would be more than was sent.
        let out = dcp.counted;
        dcp.ack(out);
        // The window opens by the acknowledgement already, so that messages may overtake the answer.
        let mut early = dcp.control_amid_events("connection_buffer_size", "0").into_iter();
        let (mut seen, mut of_other) = (Vec::new(), 0);
        while seen.len() < 7 + if told { 3 } else { 0 } || of_other < 7 {
            let (sid, opaque, saw) = early.next().unwrap_or_else(|| dcp.event());
            if opaque == other {
                assert_eq!(sid, Some(8));
                of_other += 1;
            } else {
                assert_eq!(sid, Some(7));
                seen.push((opaque, saw));
            }
        }
        let ends: Vec<_> = [first, opaques[1], opaques[3]]
            .iter()
            .filter(|_| told)
            .map(|opaque| (*opaque, Saw::End(EndReason::Closed)))
            .collect();
        assert_eq!(seen[..ends.len()], ends, "the ends of the old ones, in their order");
        let new = &seen[ends.len()..];
        assert!(new.iter().all(|(opaque, _)| *opaque == opaques[5]), "{new:?}");
        assert_eq!(new[0].1, Saw::Marker(0, 6));
        dcp.is_silent();
        let stats = &server.engine.connections()[0];
        assert_eq!(stats.bytes_sent, dcp.counted, "nothing was counted twice");
        dcp.forget();
    }
}

/// Our own client has streams by id too.
#[test]
fn the_client_keeps_its_streams_apart() {
    use millstream::client::{
        ConnectSettings, DcpClient, DcpSettings, Event, StreamFrom, StreamOptions,
    };
    use millstream::server::ServerSettings;
    use millstream::wire::Feature;
    let (server, _) = scene();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let features = ConnectSettings::FEATURES.with(Feature::COLLECTIONS);
        let bucket = ServerSettings::default().bucket;
        let connect = ConnectSettings::new(server.address.to_string(), bucket).features(features);
        let settings = DcpSettings::new("by id").stream_ids(true);
        let mut client = DcpClient::connect(&connect, &settings).await.expect("connects");
        let mut options = [StreamOptions::up_to(Seqno(6)), StreamOptions::up_to(Seqno(6))];
        for (n, options) in options.iter_mut().enumerate() {
            options.sid = Some(Sid(n as u16 + 1));
            options.collections = vec![CollectionId(8 + n as u32)];
        }
        let tags = options.map(|options| client.stream(VbId(VB), StreamFrom::BEGINNING, &options));
        client.close_stream(client_tag(VB, 3));
        let mut keys: HashMap<_, Vec<String>> = HashMap::new();
        let mut closed = None;
        while client.streams() > 0 || closed.is_none() {
            match client.next_event().await.expect("an event") {
                Event::Mutation(document) => {
                    let name = String::from_utf8(document.key.to_vec()).expect("text");
                    keys.entry(document.tag).or_default().push(name);
                }
                Event::CloseAnswered { status, .. } => closed = Some(status),
                Event::StreamRefused { status, .. } => panic!("{status}"),
                _ => {}
            }
        }
        assert_eq!(closed, Some(Status::DCP_STREAM_ID_INVALID));
        assert_eq!(keys[&tags[0]], ["k0", "k2"]);
        assert_eq!(keys[&tags[1]], ["k1", "k3"]);
    });
}

fn client_tag(vb: u16, sid: u16) -> millstream::wire::dcp::StreamTag {
    let (vb, sid) = (VbId(vb), Some(Sid(sid)));
    millstream::wire::dcp::StreamTag { opaque: millstream::types::Opaque(0), vb, sid }
}

//! STAT: groups, their entries, their end.

use super::client::Client;
use super::dcp::{Dcp, from_zero};
use super::requests::set;
use super::running::{Running, Wanted};
use millstream::server::{Secret, User};
use millstream::types::{Seqno, VbId, VbState};
use millstream::wire::dcp::{Open, OpenFlags, StreamFlags, StreamReq};
use millstream::wire::kv::{Hello, SaslAuth, Stat, StatEntry};
use millstream::wire::{Feature, FeatureSet, Opcode, Status};
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that a group tells.
pub(super) fn stats(client: &mut Client, group: &str) -> BTreeMap<String, String> {
    ask(client, group.as_bytes(), b"")
}

fn ask(client: &mut Client, group: &[u8], value: &[u8]) -> BTreeMap<String, String> {
    let opaque = client.request(|opaque, out| Stat { group, value }.encode(opaque, out));
    let mut all = BTreeMap::new();
    loop {
        let frame = client.next();
        assert_eq!(frame.opaque(), opaque);
        let Some(StatEntry { name, value }) = StatEntry::parse(&frame).expect("an entry") else {
            return all;
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        assert_eq!(all.insert(text(name), text(value)), None, "a name comes once");
    }
}

#[test]
fn dcp_connections_tell_of_their_streams() {
    let server = Running::start();
    let mut client = server.client();
    client.store(set(3, b"key", b"value"));
    let mut dcp = Dcp::open(&server, "watched");
    dcp.control("connection_buffer_size", "1000");
    dcp.stream(&from_zero(3));
    dcp.documents(Seqno(1));
    let stats = stats(&mut client, "dcp");
    let of = |name: &str| &*stats[&format!("eq_dcpq:watched:{name}")];
    assert_eq!((of("items_sent"), of("max_buffer_bytes")), ("1", "1000"));
    assert_eq!(of("unacked_bytes"), (44 + 55 + 3 + 5).to_string());
    assert_eq!((of("num_streams"), of("stream_3_state")), ("1", "in-memory"));
    assert_eq!((of("stream_3_last_sent_seqno"), of("flow_control")), ("1", "enabled"));
    dcp.verdict();
}

/// What a connection tells as it was opened.
const AS_OPENED: [(&str, &str); 35] = [
    ("type", "producer"),
    ("user", "reader"),
    ("supports_ack", "true"),
    ("pending_disconnect", "false"),
    ("paused_count", "0"),
    ("unpaused_count", "0"),
    ("priority", "medium"),
    ("noop_enabled", "false"),
    ("noop_tx_interval", "20 s"),
    ("noop_wait", "false"),
    ("force_value_compression", "false"),
    ("cursor_dropping", "true"),
    ("send_stream_end_on_client_close_stream", "false"),
    ("enable_expiry_opcode", "false"),
    ("enable_stream_id", "false"),
    ("synchronous_replication", "false"),
    ("synchronous_writes", "false"),
    ("flatbuffers_system_events", "false"),
    ("change_streams_enabled", "false"),
    ("max_marker_version", "1.0"),
    ("should_disconnect_when_stuck", "true"),
    ("disconnect_when_stuck_timeout", "720"),
    ("flow_control", "disabled"),
    ("max_buffer_bytes", "none"),
    ("items_sent", "0"),
    ("items_remaining", "0"),
    ("total_bytes_sent", "0"),
    ("total_uncompressed_data_size", "0"),
    ("num_streams", "0"),
    ("num_dead_streams", "0"),
    ("dcp_ready_queue_size", "0"),
    ("backfill_order", "round-robin"),
    ("backfill_num_snoozing", "0"),
    ("backfill_num_active", "0"),
    ("backfill_buffer_full", "false"),
];

#[test]
fn a_connection_tells_what_its_client_asked_for() {
    let mut wanted = Wanted::default();
    wanted.server.users = vec![User::new("reader", Secret::new("pass"))];
    wanted.server.stuck_names = Some("sett.*".into());
    let server = wanted.start();
    let mut client = server.client();
    let login = SaslAuth { first: true, mechanism: b"PLAIN", data: b"\0reader\0pass" };
    assert_eq!(client.status(|o, out| login.encode(o, out)), Status::SUCCESS);
    let mut dcp = server.client();
    assert_eq!(dcp.status(|o, out| login.encode(o, out)), Status::SUCCESS);
    let flags = OpenFlags::PRODUCER.with(OpenFlags::INCLUDE_DELETE_TIMES);
    let open = Open { flags, name: b"settings", value: &[] };
    assert_eq!(dcp.status(|o, out| open.encode(o, out)), Status::SUCCESS);
    let mut dcp = Dcp::adopt(dcp);
    let stats = |client: &mut Client| stats(client, "dcp");
    let of = |all: &BTreeMap<String, String>, name: &str| {
        all.get(&format!("eq_dcpq:settings:{name}")).cloned().unwrap_or_else(|| "none".into())
    };
    let before = stats(&mut client);
    for (name, value) in AS_OPENED {
        assert_eq!(of(&before, name), value, "{name}");
    }
    let number = |text: String| text.parse::<f64>().expect("a number");
    assert_eq!(of(&before, "last_sent_time").split('.').count(), 2, "with a fraction");
    assert!(number(of(&before, "created")) <= number(of(&before, "last_receive_time")));
    for (key, value) in [
        ("enable_noop", "true"),
        ("set_noop_interval", "0.1"),
        ("set_priority", "high"),
        ("send_stream_end_on_client_close_stream", "true"),
        ("enable_expiry_opcode", "true"),
        ("backfill_order", "sequential"),
        ("supports_cursor_dropping", "false"),
        ("connection_buffer_size", "1000"),
    ] {
        dcp.control(key, value);
    }
    assert_eq!(dcp.message().opcode(), Opcode::DCP_NOOP);
    let after = stats(&mut client);
    for (name, value) in [
        ("noop_enabled", "true"),
        ("noop_tx_interval", "100 ms"),
        ("noop_wait", "true"),
        ("priority", "high"),
        ("send_stream_end_on_client_close_stream", "true"),
        ("enable_expiry_opcode", "true"),
        ("backfill_order", "sequential"),
        ("cursor_dropping", "false"),
        ("flow_control", "enabled"),
        ("max_buffer_bytes", "1000"),
    ] {
        assert_eq!(of(&after, name), value, "{name}");
    }
}

#[test]
fn pauses_are_counted_with_their_reasons() {
    let server = Running::start();
    let mut client = server.client();
    for n in 0..4_u32 {
        client.store(set(3, format!("key-{n}").as_bytes(), b"value"));
    }
    let mut dcp = Dcp::open(&server, "paused");
    let of = |all: &BTreeMap<String, String>, name: &str| {
        all.get(&format!("eq_dcpq:paused:{name}")).cloned().unwrap_or_else(|| "none".into())
    };
    dcp.control("connection_buffer_size", "44");
    let idle = stats(&mut client, "dcp");
    assert_eq!(of(&idle, "paused_current_reason"), "ReadyListEmpty");
    assert_eq!((&*of(&idle, "paused"), &*of(&idle, "paused_count")), ("true", "0"));
    dcp.stream(&from_zero(3));
    dcp.marker();
    let full = stats(&mut client, "dcp");
    assert_eq!(of(&full, "paused_current_reason"), "BufferLogFull");
    assert_ne!(of(&full, "paused_current_duration"), "none");
    assert_eq!((&*of(&full, "paused_count"), &*of(&full, "unpaused_count")), ("1", "0"));
    assert_ne!(of(&full, "paused_previous_ReadyListEmpty_count"), "none");
    assert_eq!(of(&full, "items_remaining"), "4");
    dcp.ack(44);
    dcp.event();
    let again = stats(&mut client, "dcp");
    assert_eq!((&*of(&again, "paused_count"), &*of(&again, "unpaused_count")), ("2", "1"));
    assert_eq!(of(&again, "paused_previous_BufferLogFull_count"), "1");
    assert_eq!(of(&again, "items_remaining"), "3");
    dcp.control("connection_buffer_size", "0");
    dcp.documents(Seqno(4));
    let done = stats(&mut client, "dcp");
    assert_eq!(of(&done, "paused_current_reason"), "ReadyListEmpty");
    assert_eq!((&*of(&done, "items_remaining"), &*of(&done, "items_sent")), ("0", "4"));
    let sums = stats(&mut client, "dcpagg");
    assert_eq!((&*sums[":total:paused_count"], &*sums[":total:unpaused_count"]), ("2", "2"));
}

#[test]
fn streams_tell_of_themselves() {
    let server = Running::start();
    let mut client = server.client();
    for n in 0..5_u32 {
        client.store(set(3, format!("key-{n}").as_bytes(), b"value"));
    }
    let uuid = server.engine.failover_log(VbId(3)).expect("it exists")[0].uuid;
    let mut dcp = Dcp::open(&server, "streams");
    let from = |start, end| StreamReq {
        start: Seqno(start),
        end: Seqno(end),
        uuid,
        snap_start: Seqno(start),
        snap_end: Seqno(start),
        ..from_zero(3)
    };
    let (opaque, _) = dcp.stream(&from(2, 1000));
    dcp.documents(Seqno(5));
    let of = |all: &BTreeMap<String, String>, name: &str| {
        all.get(&format!("eq_dcpq:streams:stream_3_{name}"))
            .cloned()
            .unwrap_or_else(|| "none".into())
    };
    let memory = stats(&mut client, "dcp");
    for (name, value) in [
        ("state", "in-memory"),
        ("flags", "0"),
        ("opaque", &opaque.0.to_string()),
        ("start_seqno", "2"),
        ("end_seqno", "1000"),
        ("vb_uuid", &uuid.to_string()),
        ("snap_start_seqno", "2"),
        ("snap_end_seqno", "2"),
        ("last_sent_seqno", "5"),
        ("last_sent_snap_end_seqno", "5"),
        ("last_sent_seqno_advance", "0"),
        ("last_read_seqno", "5"),
        ("items_remaining", "0"),
        ("items_ready", "false"),
        ("memory_phase", "3"),
        ("backfill_disk_items", "0"),
        ("backfill_sent", "0"),
        ("filter_type", "legacy"),
        ("filter_sid", "sid:none"),
        ("filter_size", "1"),
        ("filter_cids", "0x0"),
        ("filter_default_allowed", "true"),
        ("filter_scope_id", "none"),
    ] {
        assert_eq!(of(&memory, name), value, "{name}");
    }
    dcp.close_silently(3);
    assert_eq!(of(&stats(&mut client, "dcp"), "opaque"), "none", "it is gone");
    // What is stored is read from there if a client asks for that.
    server.persist(VbId(3), Seqno(5));
    dcp.stream(&StreamReq { flags: StreamFlags::DISK_ONLY, end: Seqno(4), ..from_zero(3) });
    // Nothing says that its end was taken stock of but the end of the connection's turn.
    assert_eq!(dcp.documents(Seqno(4)).len(), 4);
    let json = ask(&mut client, b"dcp", br#"{"stream_format":"json"}"#);
    let streams: Vec<_> = json.keys().filter(|name| name.contains("stream_3")).collect();
    assert!(streams.iter().all(|name| name.ends_with(":stream_3")), "{streams:?}");
    let sums = stats(&mut client, "dcpagg");
    assert!(sums.contains_key("_unknown:items_backfilled_disk"), "{sums:?}");
}

/// The list ended with the last connection, and was empty without one: tools print the sums from this group.
#[test]
fn the_list_of_connections_ends_with_their_sums() {
    let server = Running::start();
    let mut client = server.client();
    client.store(set(3, b"key", b"value"));
    let nobody = stats(&mut client, "dcp");
    assert_eq!((&*nobody["ep_dcp_count"], &*nobody["ep_dcp_dead_conn_count"]), ("0", "0"));
    let mut dcp = Dcp::open(&server, "sums");
    dcp.stream(&from_zero(3));
    dcp.marker();
    dcp.event();
    let one = stats(&mut client, "dcp");
    assert_eq!((&*one["ep_dcp_count"], &*one["ep_dcp_producer_count"]), ("1", "1"));
    for name in ["items_sent", "items_remaining", "total_uncompressed_data_size"] {
        assert_eq!(one[&format!("ep_dcp_{name}")], one[&format!("eq_dcpq:sums:{name}")], "{name}");
    }
    assert_eq!(one["ep_dcp_items_sent"], "1");
    let general = self::stats(&mut client, "");
    for (name, value) in one.iter().filter(|(name, _)| name.starts_with("ep_dcp_")) {
        assert_eq!(&general[name], value, "{name}");
    }
}

#[test]
fn streams_are_told_as_they_are_wanted() {
    let server = Running::start();
    let mut client = server.client();
    let mut dcp = Dcp::open(&server, "formats");
    dcp.stream(&from_zero(3));
    let json = ask(&mut client, b"dcp", br#"{"stream_format":"json"}"#);
    let told: serde_json::Value =
        serde_json::from_str(&json["eq_dcpq:formats:stream_3"]).expect("JSON");
    assert_eq!((&told["state"], &told["flags"]), (&"in-memory".into(), &"0".into()));
    assert!(!json.keys().any(|name| name.contains("stream_3_")));
    let skipped = ask(&mut client, b"dcp", br#"{"stream_format":"skip"}"#);
    assert!(skipped.contains_key("eq_dcpq:formats:num_streams"));
    assert!(!skipped.keys().any(|name| name.contains("stream_3")));
    let of_nobody = ask(&mut client, b"dcp", br#"{"filter":{"user":"nobody"}}"#);
    assert!(of_nobody.keys().all(|name| name.starts_with("ep_dcp_")), "{of_nobody:?}");
    assert_eq!(of_nobody["ep_dcp_count"], "1", "connections are counted whoever is told of");
    for (group, value) in [("dcp", "{"), ("dcp", r#"{"stream_format":"x"}"#), ("vbucket", "{}")] {
        let stat = Stat { group: group.as_bytes(), value: value.as_bytes() };
        assert_eq!(client.status(|o, out| stat.encode(o, out)), Status::EINVAL, "{group} {value}");
    }
}

#[test]
fn scopes_and_collections_are_told_with_their_items() {
    let server = Running::start();
    let manifest = server.engine.create_scope("shop").expect("made");
    let scope = manifest.scope_named("shop").expect("made").id.0;
    let manifest = server.engine.create_collection("shop", "items", 60).expect("made");
    let items = manifest.collection_named("shop", "items").expect("made").id.0;
    let uid = manifest.uid().0;
    let mut client = server.client();
    client.store(set(3, b"key", b"value"));
    client.store(set(4, b"key", b"value"));
    let features = FeatureSet::of(&[Feature::COLLECTIONS]);
    let hello = Hello { agent: b"test", features };
    assert_eq!(client.status(|o, out| hello.encode(o, out)), Status::SUCCESS);
    // The id's LEB128 form: one byte, below 128.
    client.store(set(5, &[&[u8::try_from(items).expect("small")][..], b"key"].concat(), b"value"));
    let all = stats(&mut client, "collections");
    assert_eq!(all["manifest_uid"], uid.to_string());
    assert_eq!((&*all["0x0:0x0:name"], &*all["0x0:0x0:items"]), ("_default", "2"));
    let of = |name: &str| format!("{scope:#x}:{items:#x}:{name}");
    assert_eq!((&*all[&of("name")], &*all[&of("scope_name")]), ("items", "shop"));
    assert_eq!((&*all[&of("items")], &*all[&of("maxTTL")]), ("1", "60"));
    let one = stats(&mut client, "collections shop.items");
    assert_eq!((one.len(), &*one[&of("items")]), (4, "1"));
    assert_eq!(stats(&mut client, &format!("collections-byid {items:#x}")), one);
    let scopes = stats(&mut client, "scopes");
    assert_eq!(scopes["manifest_uid"], uid.to_string());
    assert_eq!((&*scopes["0x0:name"], &*scopes["0x0:items"]), ("_default", "2"));
    assert_eq!(scopes[&format!("{scope:#x}:collections")], "1");
    assert_eq!(scopes[&of("name")], "items");
    let one = stats(&mut client, "scopes shop");
    assert_eq!(one[&format!("{scope:#x}:items")], "1");
    assert_eq!(stats(&mut client, &format!("scopes-byid {scope:#x}")), one);
    for (group, status) in [
        ("collections shop.none", Status::UNKNOWN_COLLECTION),
        ("collections none.items", Status::UNKNOWN_SCOPE),
        ("collections shop", Status::EINVAL),
        ("collections-byid 0x77", Status::UNKNOWN_COLLECTION),
        ("collections-byid x", Status::EINVAL),
        ("scopes none", Status::UNKNOWN_SCOPE),
        ("scopes-byid 0x77", Status::UNKNOWN_SCOPE),
    ] {
        let got = client.status(|o, out| Stat::of(group.as_bytes()).encode(o, out));
        assert_eq!(got, status, "{group}");
    }
}

#[test]
fn counts_begin_at_zero_again_when_they_are_reset() {
    let server = Running::start();
    let mut client = server.client();
    client.store(set(3, b"key", b"value"));
    server.persist(VbId(3), Seqno(1));
    assert_ne!(stats(&mut client, "")["ep_commit_num"], "0");
    assert!(stats(&mut client, "reset").is_empty());
    let after = stats(&mut client, "");
    assert_eq!((&*after["ep_commit_num"], &*after["ep_total_persisted"]), ("0", "0"));
    assert_eq!(after["curr_items"], "1", "what is there stays");
}

#[test]
fn every_group_answers_at_every_stage_of_a_teardown() {
    const GROUPS: [&str; 9] = [
        "",
        "vbucket",
        "vbucket-details",
        "vbucket-seqno",
        "failovers",
        "dcp",
        "dcpagg",
        "collections",
        "scopes",
    ];
    let server = Running::start();
    let mut client = server.client();
    client.store(set(3, b"key", b"value"));
    let mut dcp = Dcp::open(&server, "closing");
    dcp.stream(&from_zero(3));
    dcp.documents(Seqno(1));
    let every = |client: &mut Client, stage: &str| {
        for group in GROUPS {
            assert!(!stats(client, group).is_empty() || group == "dcp", "{group}: {stage}");
        }
    };
    every(&mut client, "streaming");
    dcp.close_silently(3);
    every(&mut client, "its stream is closed");
    dcp.stream(&from_zero(3));
    let older = dcp;
    let newer = Dcp::open(&server, "closing");
    every(&mut client, "a namesake has closed it");
    drop(older);
    server.engine.set_vbucket_state(VbId(3), VbState::Dead).expect("it exists");
    every(&mut client, "a vbucket is dead");
    server.engine.shutdown();
    every(&mut client, "the engine is shut down");
    drop(newer);
    server.engine.quiesce_blocking(Duration::from_secs(60)).expect("nobody stalls");
    every(&mut client, "and has come to rest");
}

#[test]
fn connections_are_summed_up_by_their_names() {
    let server = Running::start();
    let mut client = server.client();
    client.store(set(3, b"key", b"value"));
    let names = ["replication:a", "replication:b", "xdcr:c", "alone"];
    let mut open: Vec<Dcp> = names.iter().map(|name| Dcp::open(&server, name)).collect();
    for dcp in &mut open[1..] {
        dcp.stream(&from_zero(3));
        dcp.documents(Seqno(1));
    }
    let sums = stats(&mut client, "dcpagg");
    let of = |group: &str, name: &str| &*sums[&format!("{group}:{name}")];
    assert_eq!((of("replication", "count"), of("replication", "items_sent")), ("2", "1"));
    assert_eq!((of("xdcr", "producer_count"), of("xdcr", "activestream_count")), ("1", "1"));
    assert_eq!((of(":total", "count"), of(":total", "items_sent")), ("4", "3"));
    assert_eq!((of("_unknown", "count"), of("_unknown", "items_remaining")), ("1", "0"));
    assert_eq!(sums.len(), 4 * 15, "three groups and the total");
    drop(Dcp::open(&server, r#""i":"unique","a":"connector/1.2 x""#));
    let agent = Dcp::open(&server, r#""i":"unique","a":"connector/1.2 x""#);
    assert_eq!(stats(&mut client, "dcpagg :")["connector:count"], "1");
    drop(agent);
    let dashes = stats(&mut client, "dcpagg -");
    assert_eq!(&*dashes["-total-count"].len().to_string(), "1");
}

#[test]
fn groups_that_are_none_are_refused() {
    let server = Running::start();
    let mut client = server.client();
    let cases = [
        ("slabs", Status::KEY_ENOENT),
        ("reset 1", Status::KEY_ENOENT),
        ("vbuckets", Status::KEY_ENOENT),
        ("dcp 3", Status::KEY_ENOENT),
        ("vbucket 1 2", Status::KEY_ENOENT),
        ("vbucket-seqno x", Status::EINVAL),
        ("vbucket-seqno 16", Status::NOT_MY_VBUCKET),
    ];
    for (group, status) in cases {
        let got = client.status(|o, out| Stat::of(group.as_bytes()).encode(o, out));
        assert_eq!(got, status, "{group}");
    }
    assert_eq!(client.status(|o, out| Stat::of(b"\xff").encode(o, out)), Status::KEY_ENOENT);
}

#[test]
fn a_long_list_waits_for_its_reader() {
    let server = Wanted { vbuckets: 8192, ..Wanted::default() }.start();
    let mut client = server.client();
    // About 5 MB of answers, of which the server keeps two.
    let details = stats(&mut client, "vbucket-details");
    assert_eq!(details.len(), 8192 * 11);
    client.store(set(8191, b"key", b"value"));
}

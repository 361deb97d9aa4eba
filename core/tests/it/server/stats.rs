//! STAT: groups, their entries, their end.

use super::client::Client;
use super::dcp::{Dcp, from_zero};
use super::requests::set;
use super::running::{Running, Wanted};
use millstream::types::{Seqno, VbId, VbState};
use millstream::wire::Status;
use millstream::wire::kv::{Stat, StatEntry};
use std::collections::BTreeMap;

/// Everything that a group tells.
fn stats(client: &mut Client, group: &str) -> BTreeMap<String, String> {
    let opaque = client.request(|opaque, out| Stat { group: group.as_bytes() }.encode(opaque, out));
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
fn the_general_group_counts() {
    let server = Running::start();
    let mut client = server.client();
    for n in 0..7 {
        client.store(set(n, b"key", b"value"));
    }
    let stats = stats(&mut client, "");
    assert_eq!(stats["curr_items"], "7");
    assert_eq!(stats["curr_connections"], "1");
    assert_eq!(stats["ep_vbuckets"], "16");
    assert!(stats["version"].contains("millstream"));
    assert!(stats["mem_used"].parse::<u64>().expect("a number") > 0);
}

#[test]
fn vbuckets_are_told_one_by_one() {
    let server = Running::start();
    let mut client = server.client();
    client.store(set(3, b"key", b"value"));
    client.store(set(3, b"key", b"value"));
    server.engine.set_vbucket_state(VbId(4), VbState::Replica).expect("it exists");
    let states = stats(&mut client, "vbucket");
    assert_eq!(states.len(), 16);
    assert_eq!((&*states["vb_3"], &*states["vb_4"]), ("active", "replica"));
    let details = stats(&mut client, "vbucket-details");
    assert_eq!((&*details["vb_3:num_items"], &*details["vb_3:high_seqno"]), ("1", "2"));
    assert!(details.contains_key("vb_15:uuid"));
    let one = stats(&mut client, "vbucket-details 3");
    assert!(one.keys().all(|name| name.starts_with("vb_3")));
    let uuid = server.engine.failover_log(VbId(3)).expect("it exists")[0].uuid.to_string();
    let seqnos = stats(&mut client, "vbucket-seqno");
    assert_eq!(seqnos["vb_3:high_seqno"], "2");
    assert_eq!(seqnos["vb_3:abs_high_seqno"], "2");
    assert_eq!(seqnos["vb_3:purge_seqno"], "0");
    assert_eq!(seqnos["vb_3:uuid"], uuid);
    let failovers = stats(&mut client, "failovers 3");
    assert_eq!(failovers["vb_3:num_entries"], "1");
    assert_eq!((&failovers["vb_3:0:id"], &*failovers["vb_3:0:seq"]), (&uuid, "0"));
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
    assert_eq!(sums.len(), 3 * 6, "a name without a separator is in the total only");
    let dashes = stats(&mut client, "dcpagg -");
    assert_eq!((dashes.len(), &*dashes["-total-count"]), (6, "4"));
}

#[test]
fn groups_that_are_none_are_refused() {
    let server = Running::start();
    let mut client = server.client();
    let cases = [
        ("slabs", Status::KEY_ENOENT),
        ("vbuckets", Status::KEY_ENOENT),
        ("dcp 3", Status::KEY_ENOENT),
        ("vbucket 1 2", Status::KEY_ENOENT),
        ("vbucket-seqno x", Status::EINVAL),
        ("vbucket-seqno 16", Status::NOT_MY_VBUCKET),
    ];
    for (group, status) in cases {
        let got = client.status(|o, out| Stat { group: group.as_bytes() }.encode(o, out));
        assert_eq!(got, status, "{group}");
    }
    assert_eq!(client.status(|o, out| Stat { group: b"\xff" }.encode(o, out)), Status::KEY_ENOENT);
}

#[test]
fn a_long_list_waits_for_its_reader() {
    let server = Wanted { vbuckets: 8192, ..Wanted::default() }.start();
    let mut client = server.client();
    // About 5 MB of answers, of which the server keeps two.
    let details = stats(&mut client, "vbucket-details");
    assert_eq!(details.len(), 8192 * 10);
    client.store(set(8191, b"key", b"value"));
}

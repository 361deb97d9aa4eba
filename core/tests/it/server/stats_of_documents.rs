//! STAT: what is told of documents and vbuckets.

use super::requests::set;
use super::running::Running;
use super::stats::stats;
use millstream::types::{VbId, VbState};

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

/// Documents of replicas were counted among those that can be read here.
#[test]
fn documents_are_counted_by_the_state_of_their_vbucket() {
    let server = Running::start();
    let mut client = server.client();
    for n in 0..7 {
        client.store(set(n, b"key", b"value"));
    }
    for (vb, state) in [(0, VbState::Replica), (1, VbState::Dead), (2, VbState::Pending)] {
        server.engine.set_vbucket_state(VbId(vb), state).expect("it exists");
    }
    let stats = stats(&mut client, "");
    for (name, value) in [
        ("curr_items", "4"),
        ("curr_items_tot", "6"),
        ("vb_active_curr_items", "4"),
        ("vb_replica_curr_items", "1"),
        ("vb_pending_curr_items", "1"),
        ("vb_active_num", "13"),
        ("vb_replica_num", "1"),
        ("vb_pending_num", "1"),
        ("vb_dead_num", "1"),
        ("vb_active_num_non_resident", "0"),
        ("vb_active_perc_mem_resident", "100"),
    ] {
        assert_eq!(stats[name], value, "{name}");
    }
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

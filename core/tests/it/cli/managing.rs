//! `scope`, `collection` and `vbucket`.

use crate::program::{Serving, run};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn collections_are_made_listed_and_dropped() {
    let server =
        Serving::start(&["--ephemeral", "--vbuckets", "16", "--http-listen", "127.0.0.1:0"]);
    let http = server.ready["http"].as_str().expect("the ready line tells the port").to_owned();
    let manage = |line: &str| {
        let all = line.split(' ').chain(["--server", &server.address]);
        run(all.collect::<Vec<_>>())
    };
    manage("scope create shop").well();
    let made = manage("collection create shop.items --max-ttl 7d").well();
    assert!(made.lines()[0]["uid"].is_string(), "{made:?}");
    // The same by the address of the endpoints themselves; `%` is a character of names.
    run(["collection", "create", "shop.a%2Fb", "--http", &http]).well();
    let listed = || -> BTreeSet<String> {
        let lines = manage("collection list").well().lines();
        let path = |line: &Value| {
            let part = |name: &str| line[name].as_str().expect("text").to_owned();
            format!("{}.{} {}", part("scope"), part("collection"), line["max_ttl"])
        };
        lines.iter().map(path).collect()
    };
    let all = ["_default._default null", "shop.items 604800", "shop.a%2Fb null"];
    assert_eq!(listed(), all.map(str::to_owned).into());
    manage("collection drop shop.a%2Fb").well();
    assert_eq!(listed().len(), 2);
    manage("scope create shop").badly(1, &[&http, "shop"]);
    manage("scope create _mine").badly(1, &["_mine"]);
    manage("collection create none.items").badly(1, &["none"]);
    manage("collection drop shop.none").badly(1, &["none"]);
    manage("scope drop _default").badly(1, &["default scope"]);
    manage("collection create shop").badly(2, &["write SCOPE.COLLECTION"]);
    manage("scope drop shop").well();
    assert_eq!(listed().len(), 1);
    let nobody = "the management endpoints cannot be reached";
    run(["scope", "create", "x", "--http", "127.0.0.1:1"]).badly(1, &[nobody, "--http-listen"]);
    server.kill();
}

#[test]
fn vbuckets_fail_over_and_go_back_by_hand() {
    let server =
        Serving::start(&["--ephemeral", "--vbuckets", "4", "--http-listen", "127.0.0.1:0"]);
    let manage = |line: &str| {
        let all =
            ["vbucket"].into_iter().chain(line.split(' ')).chain(["--server", &server.address]);
        run(all.collect::<Vec<_>>())
    };
    assert_eq!(manage("state").well().lines().len(), 4);
    manage("set-state 0 2 replica").well();
    let states = manage("state 0 1 2").well().lines();
    let states: Vec<_> = states.iter().map(|line| line["state"].as_str().expect("text")).collect();
    assert_eq!(states, ["replica", "active", "replica"]);
    assert_eq!(manage("failover 0 1").well().lines()[1]["vbucket"], 1);
    let log = manage("state 1").well().lines()[0]["failoverLog"].clone();
    assert_eq!(log.as_array().map(Vec::len), Some(2), "{log}");
    manage("rollback 1 --to 5").badly(1, &["nothing lies above 5", "vbucket 1"]);
    assert_eq!(manage("purge 1 --older-than 0s").well().lines()[0]["purged"], 0);
    manage("delete 1").badly(1, &["only a dead one is emptied"]);
    manage("set-state 1 dead").well();
    manage("delete 1").well();
    manage("failover 9").badly(1, &["there is no such vbucket"]);
    server.kill();
}

//! What is printed of a manifest, and what names are taken for paths.

use super::run::listed;
use crate::cli::args::Arguments;
use clap::Parser;
use serde_json::json;

#[test]
fn collections_are_listed_with_their_scopes() {
    let manifest = json!({ "uid": "2", "scopes": [
        { "name": "_default", "uid": "0", "collections": [{ "name": "_default", "uid": "0" }] },
        { "name": "empty", "uid": "8", "collections": [] },
        { "name": "shop", "uid": "9", "collections": [{ "name": "items", "uid": "a", "maxTTL": 60 }] },
    ]});
    let lines = listed(&manifest);
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["scope"], &lines[0]["collection_id"]), (&"_default".into(), &"0".into()));
    assert_eq!((&lines[1]["collection"], &lines[1]["max_ttl"]), (&"items".into(), &60.into()));
    assert!(lines[0].get("max_ttl").is_none());
    assert!(listed(&json!({})).is_empty());
}

#[test]
fn vbuckets_are_numbers_and_states_are_four() {
    let parses = |line: &str| Arguments::try_parse_from(line.split(' ')).is_ok();
    for right in [
        "state",
        "state 3 4",
        "set-state 3 4 replica",
        "failover 0 1023",
        "rollback 3 --to 120",
        "purge 3 --older-than 0s",
        "delete 3 --http host:1",
    ] {
        assert!(parses(&format!("millstream vbucket {right}")), "{right}");
    }
    for wrong in [
        "state x",
        "set-state replica",
        "set-state 3",
        "set-state 3 gone",
        "failover",
        "rollback 3",
        "rollback 3 4 --to 1",
        "rollback 3 --to x",
        "purge",
        "delete",
    ] {
        assert!(!parses(&format!("millstream vbucket {wrong}")), "{wrong}");
    }
}

#[test]
fn a_path_is_a_scope_and_a_collection() {
    let parses = |line: &str| Arguments::try_parse_from(line.split(' ')).is_ok();
    assert!(parses("millstream collection create shop.items --max-ttl 7d"));
    assert!(parses("millstream collection drop shop.items --http host:1"));
    assert!(parses("millstream scope create shop --tls"));
    for wrong in ["shop", "shop.", ".items", "a.b.c", ""] {
        assert!(!parses(&format!("millstream collection create {wrong}")), "{wrong}");
    }
    for wrong in ["0s", "1500ms", "5000000000s", "x"] {
        assert!(!parses(&format!("millstream collection create a.b --max-ttl {wrong}")), "{wrong}");
    }
    assert!(!parses("millstream scope create shop --http host"));
}

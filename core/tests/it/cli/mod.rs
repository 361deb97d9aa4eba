//! The program as its users see it: what it prints, and how it ends.

mod loading;
mod managing;
mod serving;
mod tailing;

use crate::program::{Ended, Serving, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const DOCUMENTS: u64 = 2000;

fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for a folder")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// A file of so many documents: `{"id":"PREFIX-N","n":N}`.
fn file_of(folder: &TempDir, prefix: &str, count: u64) -> PathBuf {
    let path = folder.path().join(format!("{prefix}.ndjson"));
    let lines = (0..count).map(|n| format!("{{\"id\":\"{prefix}-{n}\",\"n\":{n}}}\n"));
    fs::write(&path, lines.collect::<String>()).expect("there is room for a file");
    path
}

#[track_caller]
fn load(server: &Serving, file: &Path) -> Ended {
    run(["load", text(file), "--key", "id", "--server", &server.address])
}

#[track_caller]
fn tail(server: &Serving, options: &[&str]) -> Ended {
    run(["tail", "--server", &server.address, "--until-caught-up"].iter().chain(options))
}

/// The documents among some events, by key; each may come once.
#[track_caller]
fn mutations(events: &[Value]) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for event in events.iter().filter(|event| event["event"] == "mutation") {
        let key = event["key"].as_str().expect("it has a key").to_owned();
        assert!(all.insert(key, event.clone()).is_none(), "twice: {event}");
    }
    all
}

fn ephemeral() -> Serving {
    Serving::start(&["--ephemeral", "--vbuckets", "16"])
}

//! `load`: lines, rows, logins, servers that are full or not there.

use super::{ephemeral, file_of, folder, mutations, tail, text};
use crate::program::{Ended, Serving, ended, program, run, run_with, signal};
use millstream::client::{ConnectSettings, KvClient};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::Stdio;
use tempfile::TempDir;

#[test]
fn bad_lines_are_named_and_stop_the_load() {
    let (server, files) = (ephemeral(), folder());
    let csv = files.path().join("rows.csv");
    fs::write(&csv, "id,name\n1,a\n2,b\n3\n4,d\n").expect("there is room");
    let name = text(&csv);
    let load = |options: &[&str]| {
        run(["load", name, "--key", "id", "--server", &server.address].iter().chain(options))
    };
    let what = format!(
        "{name}, line 4: 1 values, but the first row names 2 columns; 2 documents loaded before"
    );
    load(&[]).badly(1, &[&what]);
    let ended = load(&["--skip-bad-lines", "--json"]).well();
    assert!(ended.stderr.contains("line 4: 1 values"), "{}", ended.stderr);
    let summary = &ended.lines()[0];
    assert_eq!((&summary["loaded"], &summary["bad_lines"]), (&3.into(), &1.into()), "{summary}");
    let ended = load(&["--json", "--limit", "1"]).well();
    assert_eq!(ended.lines()[0]["loaded"], 1);
    let failed = load(&["--json"]).badly(1, &["line 4"]);
    assert_eq!(failed.lines()[0]["loaded"], 2);
    assert!(failed.lines()[0]["error"].as_str().is_some_and(|text| text.contains("line 4")));

    let json = files.path().join("lines.ndjson");
    fs::write(&json, "{\"id\":1}\n{\"id\":\n").expect("there is room");
    let failed = run(["load", text(&json), "--key", "id", "--server", &server.address]);
    failed
        .badly(1, &[text(&json), "line 2: not JSON: ", "at column 6", "1 document loaded before"]);
    let failed = run(["load", text(&json), "--key", "name", "--server", &server.address]);
    failed.badly(1, &["line 1: it has no member \"name\"", "0 documents loaded before"]);
    let absent = text(files.path()).to_owned() + "/absent.csv";
    run(["load", &absent, "--server", &server.address]).badly(1, &["cannot read ", &absent]);
}

#[test]
fn a_login_that_is_refused_ends_with_4() {
    let files = folder();
    let file = files.path().join("password");
    fs::write(&file, "correct horse\n").expect("there is room");
    let (password, wrong) = (text(&file), text(files.path()).to_owned() + "/wrong");
    fs::write(&wrong, "battery").expect("there is room");
    let server = Serving::start(&[
        "--ephemeral",
        "--vbuckets",
        "16",
        "--user",
        "me",
        "--password-file",
        password,
    ]);
    let stats =
        |options: &[&str]| run(["stats", "--server", &server.address].iter().chain(options));
    stats(&["--user", "me", "--password-file", password]).well();
    stats(&["--user", "me", "--password-file", &wrong]).badly(4, &["SASL_AUTH was refused"]);
    stats(&["--user", "you", "--password-file", password]).badly(4, &["SASL_AUTH was refused"]);
    stats(&[]).badly(4, &["log in with --user"]);
    let with_bucket = ["--user", "me", "--password-file", password, "--bucket", "other"];
    stats(&with_bucket).badly(1, &["the server has no bucket of that name"]);
    let from_environment = program(["stats", "--server", &server.address, "--user", "me"])
        .env("MILLSTREAM_PASSWORD", "correct horse")
        .spawn();
    ended(from_environment.expect("it can be started")).well();
}

#[test]
fn a_server_that_is_not_there_or_silent_is_told_apart() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = silent.local_addr().expect("it has one").to_string();
    // The system accepts for it; nobody ever answers.
    run(["stats", "--server", &address, "--timeout", "50ms"])
        .badly(5, &[&address, "HELLO", "timed out"]);
    drop(silent);
    run(["stats", "--server", &address]).badly(1, &[&address, "is a server running there?"]);
}

#[test]
fn rows_of_csv_and_standard_input_are_loaded_too() {
    let server = ephemeral();
    let load = |input, options: &[&str]| {
        run_with(input, &[&["load", "-", "--server", &server.address], options].concat())
    };
    load("a,b\r\n1,\"x, y\"\r\n", &["--format", "csv"]).well();
    load(
        "{\"id\":7}\n",
        &["--format", "ndjson", "--key", "id", "--key-prefix", "k:", "--expiry", "60d"],
    )
    .well();
    load("", &["--format", "ndjson"]).well();
    load("x", &[]).badly(2, &["standard input: its name does not say"]);
    let documents = mutations(&tail(&server, &["--from-beginning"]).well().lines());
    assert_eq!(documents.keys().collect::<Vec<_>>(), ["2", "k:7"]);
    assert_eq!(documents["2"]["value"], "{\"a\":\"1\",\"b\":\"x, y\"}");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("it is later than 1970");
    let days = (documents["k:7"]["expiry"].as_u64().expect("it expires") - now.as_secs()) / 86_400;
    assert!((59..=60).contains(&days), "{}", documents["k:7"]);
}

/// A server whose memory is taken by the keys of documents that live: it has room for no more of them, and for no
/// stream. And how the load ended that found no room at all.
fn full(files: &TempDir) -> (Serving, Ended) {
    let server = Serving::start(&["--ephemeral", "--vbuckets", "4", "--memory", "1MiB"]);
    let file = file_of(files, "many", 40_000);
    let options = ["--key", "id", "--server", &server.address, "--patience", "1s", "--json"];
    let mut all = 0;
    for round in 0.. {
        let prefix = format!("round-{round}-");
        let failed = run(["load", text(&file), "--key-prefix", &prefix].iter().chain(&options));
        let failed = failed.badly(5, &["the server takes no more documents, with 0x8"]);
        let summary = &failed.lines()[0];
        let loaded = summary["loaded"].as_u64().expect("a number");
        let stats = run(["stats", "--server", &server.address, "--json"]).well();
        let items = stats.lines()[0]["curr_items"].as_str().and_then(|items| items.parse().ok());
        all += loaded;
        // Of what was under way when a load gave up, some may be written too.
        assert!(items.is_some_and(|items: u64| items >= all), "{all} and not {items:?}");
        if loaded == 0 {
            assert!(all > 1_000, "it was full from the start: {all}");
            return (server, failed);
        }
        assert!(round < 20, "it is never full: {failed:?}");
    }
    unreachable!("the rounds are endless")
}

/// Long before each document of a batch was refused, which takes a second each.
#[test]
fn a_server_that_stays_full_is_given_up() {
    let files = folder();
    let (server, failed) = full(&files);
    let failed = failed.badly(5, &["; 0 documents loaded before"]);
    let error = failed.lines()[0]["error"].as_str().expect("it says why").to_owned();
    assert!(failed.stderr.contains(&error), "{failed:?}");
    let ended = tail(&server, &["--from-beginning", "--patience", "1s"]);
    assert_eq!(ended.stderr.matches("vbuckets 0-3 with 0x8").count(), 2, "once of each: {ended:?}");
    assert_eq!(ended.stdout, "");
    let refused = "no room for the streams of vbuckets 0-3 with 0x8";
    ended.badly(5, &[refused, ": asking again\n", "; nothing else came for "]);
    run(["tail", "--server", &server.address, "--patience", "1s"]).badly(2, &["--until-caught-up"]);
}

#[cfg(unix)]
#[test]
fn a_load_that_is_interrupted_says_how_far_it_came() {
    let files = folder();
    let (server, _) = full(&files);
    let options = ["load", "-", "--format", "ndjson", "--server", &server.address, "--json"];
    let mut child =
        program(options).stdin(Stdio::piped()).spawn().expect("the program can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    // More than a pipe holds: when it is written, the program is at it.
    let line = format!("{{\"text\":\"{}\"}}\n", "x".repeat(100));
    stdin.write_all(line.repeat(4096).as_bytes()).expect("it reads");
    signal(child.id(), "INT");
    let failed = ended(child).badly(1, &["interrupted; 0 documents loaded before"]);
    assert_eq!(failed.lines()[0]["loaded"], 0);
    drop(stdin);
}

/// A document from a slow pipe is written when it comes, not when the pipe ends.
#[tokio::test]
async fn slow_input_is_not_held_back() {
    let server = ephemeral();
    let mut child = program(["load", "-", "--format", "ndjson", "--server", &server.address])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    let settings = ConnectSettings::new(&server.address, "default");
    let mut client = KvClient::connect(&settings).await.expect("the server is there");
    for line in 1..=3 {
        writeln!(stdin, "{{\"line\":{line}}}").expect("it reads");
        let key = line.to_string();
        while client.get(key.as_bytes()).await.expect("the server answers").is_none() {}
    }
    drop(stdin);
    ended(child).well();
}

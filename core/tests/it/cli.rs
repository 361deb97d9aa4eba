//! The program as its users see it: what it prints, and how it ends.

use crate::program::{Ended, Serving, ended, program, run, run_with, signal};
use millstream::client::{ConnectSettings, KvClient};
use millstream::testing::frames::Seed;
use millstream::wire::Opcode;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
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

#[test]
fn wrong_calls_end_with_2_and_say_why() {
    run::<&str>(["serve"]).badly(2, &["--data <FOLDER>|--ephemeral"]);
    run(["serve", "--ephemeral", "--data", "x"])
        .badly(2, &["'--ephemeral' cannot be used with '--data <FOLDER>'"]);
    run(["serve", "--ephemeral", "--ack", "persisted"])
        .badly(2, &["--ack persisted needs --data FOLDER"]);
    run(["serve", "--ephemeral", "--vbuckets", "0"]).badly(2, &["0 is not in 1..=65536"]);
    run(["serve", "--ephemeral", "--listen", "nowhere"]).badly(2, &["write host:port"]);
    run(["serve", "--ephemeral", "--user", "me"])
        .badly(2, &["`me` has no password", "MILLSTREAM_PASSWORD"]);
    run(["serve", "--ephemeral", "--password", "x"])
        .badly(2, &["unexpected argument '--password'"]);
    run(["tail", "--sever", "x"]).badly(2, &["unexpected argument '--sever'"]);
    run(["load", "data.txt"]).badly(2, &["data.txt: its name does not say what it holds"]);
    run(["laod"]).badly(2, &["unrecognized subcommand 'laod'", "load"]);
    let help = run(["--help"]).well();
    assert!(help.stdout.contains("5  timed out"), "{}", help.stdout);
}

#[test]
fn a_busy_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it has one").to_string();
    let data = folder();
    let failed = run(["serve", "--data", text(data.path()), "--listen", &address]);
    failed.badly(1, &[&format!("cannot listen on {address}")]);
    // The store was closed in order: it opens again.
    Serving::start(&["--data", text(data.path())]).kill();
}

#[test]
fn a_folder_that_is_in_use_is_named() {
    let data = folder();
    let options = ["--data", text(data.path()), "--vbuckets", "16"];
    let first = Serving::start(&options);
    let second = run(["serve", "--listen", "127.0.0.1:0"].iter().chain(&options));
    assert_eq!(second.stdout, "", "no ready line");
    second.badly(1, &[text(data.path()), "in use"]);
    first.kill();
    Serving::start(&options).kill();
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let data = folder();
    let path = text(data.path());
    let serve = |vbuckets| {
        run(["serve", "--listen", "127.0.0.1:0", "--data", path, "--vbuckets", vbuckets])
    };
    Serving::start(&["--data", path, "--vbuckets", "16"]).kill();
    serve("32").badly(1, &[path, "was made for 16 vbuckets, not for 32"]);

    let head = data.path().join("head");
    let mut bytes = fs::read(&head).expect("a store has a head");
    bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(&head, &bytes).expect("it can be written");
    serve("16").badly(1, &[text(&head), "damaged"]);

    let foreign = folder();
    fs::write(foreign.path().join("letter.txt"), "dear all").expect("there is room");
    let failed = run(["serve", "--listen", "127.0.0.1:0", "--data", text(foreign.path())]);
    failed.badly(1, &[text(foreign.path()), "letter.txt"]);
    let file = foreign.path().join("letter.txt");
    run(["serve", "--listen", "127.0.0.1:0", "--data", text(&file)]).badly(1, &[text(&file)]);
}

#[test]
fn the_ready_line_says_where() {
    let data = folder();
    let server =
        Serving::start(&["--data", text(data.path()), "--vbuckets", "16", "--bucket", "b"]);
    let ready = &server.ready;
    assert_eq!(ready["ready"], true);
    assert_eq!(ready["bucket"], "b");
    assert_eq!(ready["vbuckets"], 16);
    assert_eq!(ready["data"], text(data.path()));
    assert_eq!(ready["pid"], server.id());
    assert!(ready["startup_ms"].is_u64(), "{ready}");
    assert!(!server.address.ends_with(":0"), "{ready}");
    server.kill();
    let ephemeral = ephemeral();
    assert_eq!(ephemeral.ready["data"], Value::Null);
}

/// A stop in order persists everything, says nothing more on standard output, and ends with 0.
#[cfg(unix)]
#[test]
fn a_server_that_is_told_to_end_closes_its_store() {
    let (data, files) = (folder(), folder());
    let options = ["--data", text(data.path()), "--vbuckets", "16"];
    let server = Serving::start(&options);
    load(&server, &file_of(&files, "a", DOCUMENTS)).well();
    let stopped = server.stop().well();
    assert_eq!(stopped.stdout, "");
    assert!(stopped.stderr.contains("closed the store in order"), "{}", stopped.stderr);
    let again = Serving::start(&options);
    assert_eq!(
        mutations(&tail(&again, &["--from-beginning"]).well().lines()).len() as u64,
        DOCUMENTS
    );
    signal(again.id(), "INT");
    again.ended().well();
}

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
fn what_is_loaded_is_tailed() {
    let (server, files) = (ephemeral(), folder());
    let loaded = load(&server, &file_of(&files, "a", DOCUMENTS)).well();
    assert!(loaded.stdout.starts_with("loaded 2,000 documents ("), "{}", loaded.stdout);
    assert_eq!(loaded.stderr, "", "no progress where there is no terminal");
    let ended = tail(&server, &["--from-beginning", "--values", "json"]).well();
    assert_eq!(ended.stderr, "");
    let events = ended.lines();
    let documents = mutations(&events);
    assert_eq!(documents.len() as u64, DOCUMENTS);
    for (key, event) in &documents {
        let n: u64 =
            key.strip_prefix("a-").and_then(|n| n.parse().ok()).expect("it is one of ours");
        assert_eq!(event["value"], serde_json::json!({ "id": key, "n": n }));
        assert_eq!(
            (&event["flags"], &event["datatype"]),
            (&0x0200_0000.into(), &1.into()),
            "{event}"
        );
    }
    let ends =
        events.iter().filter(|event| event["event"] == "stream_end" && event["reason"] == "ok");
    assert_eq!(ends.count(), 16);

    let some = tail(&server, &["--from-beginning", "--vbucket", "3,5-6"]).well().lines();
    let vbuckets: BTreeSet<u64> =
        some.iter().filter_map(|event| event["vbucket"].as_u64()).collect();
    assert_eq!(vbuckets, BTreeSet::from([3, 5, 6]));
    let wanted = documents
        .values()
        .filter(|d| d["vbucket"].as_u64().is_some_and(|vb| vbuckets.contains(&vb)));
    assert_eq!(mutations(&some).len(), wanted.count());
    assert_eq!(
        mutations(&tail(&server, &["--from-beginning", "--count", "7"]).well().lines()).len(),
        7
    );
    tail(&server, &["--vbucket", "16"]).badly(2, &["there is no vbucket 16; the bucket has 16"]);

    let stats = run(["stats", "--server", &server.address, "--json"]).well();
    assert_eq!(stats.lines()[0]["curr_items"], "2000");
    let table = run(["stats", "--server", &server.address]).well();
    assert!(
        table.stdout.lines().any(|line| line.split_whitespace().eq(["curr_items", "2000"])),
        "{}",
        table.stdout
    );
    run(["stats", "--server", &server.address, "nonsense"]).badly(1, &["no group `nonsense`"]);
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

#[test]
fn a_checkpoint_goes_on_without_loss_or_repeat() {
    let (server, files) = (ephemeral(), folder());
    let checkpoint = files.path().join("checkpoint.json");
    let mut seen = BTreeMap::new();
    let mut more = |options: &[&str], count: usize| {
        let options = [&["--checkpoint", text(&checkpoint)], options].concat();
        let documents = mutations(&tail(&server, &options).well().lines());
        assert_eq!(documents.len(), count);
        for (key, event) in documents {
            assert!(seen.insert(key, event).is_none(), "a document came twice");
        }
    };
    // Nothing yet, and from now on: the checkpoint still knows where that was.
    load(&server, &file_of(&files, "before", 100)).well();
    more(&[], 0);
    load(&server, &file_of(&files, "a", DOCUMENTS)).well();
    // Stopped in the middle of snapshots.
    more(&["--count", "7"], 7);
    more(&["--count", "993"], 993);
    more(&[], DOCUMENTS as usize - 1000);
    more(&[], 0);
    load(&server, &file_of(&files, "b", 50)).well();
    more(&["--from-beginning"], 50);
    assert_eq!(seen.len(), DOCUMENTS as usize + 50);
    assert!(!files.path().join("checkpoint.json.new").exists());
}

#[test]
fn checkpoints_that_make_no_sense_are_named() {
    let (server, files) = (ephemeral(), folder());
    let checkpoint = files.path().join("checkpoint.json");
    let path = text(&checkpoint);
    fs::write(&checkpoint, "{").expect("there is room");
    tail(&server, &["--checkpoint", path]).badly(1, &[path, "EOF while parsing"]);
    fs::remove_file(&checkpoint).expect("it is there");
    tail(&server, &["--checkpoint", path]).well();
    let smaller = Serving::start(&["--ephemeral", "--vbuckets", "8"]);
    let failed = tail(&smaller, &["--checkpoint", path]);
    failed.badly(1, &[path, "this one has no vbucket 8"]);
    let nowhere = format!("{path}.d/checkpoint.json");
    tail(&server, &["--checkpoint", &nowhere]).badly(1, &["cannot write checkpoint", &nowhere]);
}

/// Another history under the same checkpoint: back to where both agree, and told so on both outputs.
#[test]
fn a_history_that_is_another_one_is_gone_back_from() {
    let files = folder();
    let checkpoint = files.path().join("checkpoint.json");
    let options = ["--from-beginning", "--checkpoint", text(&checkpoint)];
    let first = ephemeral();
    load(&first, &file_of(&files, "a", DOCUMENTS)).well();
    tail(&first, &options).well();
    drop(first);
    let second = ephemeral();
    load(&second, &file_of(&files, "b", DOCUMENTS / 2)).well();
    let strict = [&options[..], &["--on-rollback", "fail"]].concat();
    tail(&second, &strict).badly(3, &["the history above seqno 0 is not the one that was shown"]);
    let ended = tail(&second, &options).well();
    assert_eq!(ended.stderr.lines().filter(|line| line.ends_with(": going back")).count(), 16);
    let events = ended.lines();
    let back = events.iter().filter(|event| event["event"] == "rollback" && event["seqno"] == 0);
    assert_eq!(back.count(), 16);
    let documents = mutations(&events);
    assert_eq!(documents.len() as u64, DOCUMENTS / 2);
    assert!(documents.keys().all(|key| key.starts_with("b-")));
    assert_eq!(
        mutations(&tail(&second, &options).well().lines()).len(),
        0,
        "the checkpoint is on the new one"
    );
}

#[test]
fn a_reader_that_leaves_ends_the_tail_quietly() {
    let (server, files) = (ephemeral(), folder());
    // More than a pipe holds.
    load(&server, &file_of(&files, "a", 20 * DOCUMENTS)).well();
    let mut child = program(["tail", "--server", &server.address, "--from-beginning"])
        .spawn()
        .expect("the program can be started");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a pipe can be read");
    assert!(line.starts_with("{\"event\":\"snapshot_marker\""), "{line}");
    drop(stdout);
    let ended = ended(child).well();
    assert_eq!(ended.stderr, "");
}

/// An endless tail shows what comes while it runs; Ctrl-C ends it well, with its checkpoint saved.
#[cfg(unix)]
#[test]
fn an_endless_tail_follows_until_it_is_told_to_end() {
    let (server, files) = (ephemeral(), folder());
    let checkpoint = files.path().join("checkpoint.json");
    let options = ["--checkpoint", text(&checkpoint), "--name", "endless"];
    load(&server, &file_of(&files, "a", 10)).well();
    let mut child =
        program(["tail", "--from-beginning", "--server", &server.address].iter().chain(&options))
            .spawn()
            .expect("the program can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut take = |count: usize| {
        let mut documents = 0;
        while documents < count {
            let line = lines.next().expect("it goes on").expect("a pipe can be read");
            documents += usize::from(line.starts_with("{\"event\":\"mutation\""));
        }
    };
    take(10);
    load(&server, &file_of(&files, "b", 10)).well();
    take(10);
    signal(child.id(), "INT");
    assert!(lines.next().is_none(), "nothing more was written");
    ended(child).well();
    let rest = tail(&server, &options).well();
    assert_eq!(mutations(&rest.lines()).len(), 0);
}

#[test]
fn the_quick_start_loads_once_and_compares_each_time() {
    let folder = folder();
    let once =
        || ended(program(["--once"]).current_dir(folder.path()).spawn().expect("it starts")).well();
    let first = once();
    assert!(first.stdout.contains("loaded    34,006 documents of sample data"), "{}", first.stdout);
    assert!(first.stdout.contains("streamed  34,006 documents"), "{}", first.stdout);
    assert!(first.stdout.contains("of 1024 vbuckets"), "{}", first.stdout);
    assert!(
        first.stdout.contains("each with the value that was written; 0 missing"),
        "{}",
        first.stdout
    );
    let second = once();
    assert!(second.stdout.contains("loaded    nothing"), "{}", second.stdout);
    assert!(second.stdout.contains("streamed  34,006 documents"), "{}", second.stdout);
    assert!(folder.path().join("millstream-data").is_dir());
}

/// Without `--once` it goes on serving, and the commands that it prints work.
#[cfg(unix)]
#[test]
fn the_quick_start_serves_on() {
    let folder = folder();
    let mut child = program::<&str>([]).current_dir(folder.path()).spawn().expect("it starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut lines = stdout.by_ref().lines().map(|line| line.expect("a pipe can be read"));
    let stats = lines.find(|line| line.contains(" stats")).expect("it says how to go on");
    let last = lines.find(|line| line.starts_with("Serving on ")).expect("it says that it goes on");
    let address = last.trim_start_matches("Serving on ").trim_end_matches(" until Ctrl-C.");
    let options: Vec<&str> = stats.split_whitespace().skip(1).collect();
    assert!(address.ends_with(":11210") || options.contains(&address), "{stats}");
    let said = run(options).well();
    assert!(
        said.stdout.lines().any(|line| line.split_whitespace().eq(["curr_items", "34006"])),
        "{}",
        said.stdout
    );
    signal(child.id(), "INT");
    ended(child).well();
}

#[test]
fn encrypted_connections_are_served_and_made() {
    let folder = folder();
    let cert = folder.path().join("made.pem");
    let options = ["--ephemeral", "--vbuckets", "16", "--tls-listen", "127.0.0.1:0"];
    let server = Serving::start(&[&options[..], &["--tls-cert-out", text(&cert)]].concat());
    let tls = server.ready["tls"].as_str().expect("the ready line tells the port").to_owned();
    let at = |rest: &[&str]| -> Vec<String> {
        let all = [rest, &["--server", &tls, "--tls"]].concat();
        all.into_iter().map(str::to_owned).collect()
    };
    let file = file_of(&folder, "secret", 100);
    run(at(&["load", text(&file), "--key", "id", "--tls-ca", text(&cert)])).well();
    let tailed = run(at(&[
        "tail",
        "--from-beginning",
        "--until-caught-up",
        "--tls-insecure-trust-everybody",
    ]))
    .well();
    assert_eq!(mutations(&tailed.lines()).len(), 100);
    let stats = run(at(&["stats", "--tls-ca", text(&cert)])).well();
    assert!(stats.stdout.contains("curr_items"), "{}", stats.stdout);
    run(at(&["stats"])).badly(1, &[&tls, "no TLS connection"]);
    run(at(&["stats", "--tls-ca", "nowhere.pem"])).badly(1, &["nowhere.pem"]);
    server.kill();
    for (wrong, part) in [
        (&["--tls-cert", "x.pem"][..], "--tls-key <FILE>"),
        (&["--tls-cert", "x.pem", "--tls-key", "y.pem"], "--tls-listen"),
        (&["--tls-cert-out", "x.pem"], "--tls-listen"),
    ] {
        run([&["serve", "--ephemeral"], wrong].concat()).badly(2, &[part]);
    }
    let files = ["--tls-cert", "x.pem", "--tls-key", "y.pem", "--tls-listen", "127.0.0.1:0"];
    let serve = ["serve", "--ephemeral", "--listen", "127.0.0.1:0"];
    run([&serve[..], &files].concat()).badly(1, &["x.pem: the certificates cannot be read"]);
    run(["stats", "--tls-ca", text(&cert)]).badly(2, &["--tls"]);
}

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

#[test]
fn a_tail_of_collections_tells_them_apart() {
    let options = ["--ephemeral", "--vbuckets", "4", "--http-listen", "127.0.0.1:0"];
    let server = Serving::start(&options);
    run(["collection", "create", "_default.hotels", "--server", &server.address]).well();
    let mut out = Seed::request(Opcode::HELLO, b"", b"test", b"\0\x12").bytes();
    for key in [b"\0same", b"\x08same"] {
        out.extend(Seed::request(Opcode::SET, &[0; 8], key, b"value").bytes());
    }
    out.extend(Seed::request(Opcode::QUIT, b"", b"", b"").bytes());
    let mut socket = std::net::TcpStream::connect(&server.address).expect("it listens");
    socket.write_all(&out).expect("it reads");
    socket.read_to_end(&mut Vec::new()).expect("it answers, and hangs up");
    let all = tail(&server, &["--from-beginning", "--collections"]).well().lines();
    let shown =
        |event: &str| -> Vec<&Value> { all.iter().filter(|line| line["event"] == event).collect() };
    let documents: Vec<_> =
        shown("mutation").iter().map(|it| (it["collection"].clone(), it["key"].clone())).collect();
    assert_eq!(documents, [("0".into(), "same".into()), ("8".into(), "same".into())]);
    let events = shown("system_event");
    assert_eq!(events.len(), 4, "one in each vbucket: {events:?}");
    assert!(events.iter().all(|it| it["name"] == "hotels"), "{events:?}");
    let plain = tail(&server, &["--from-beginning"]).well().lines();
    let of_default = mutations(&plain);
    assert_eq!(of_default.keys().collect::<Vec<_>>(), ["same"]);
    assert!(of_default["same"]["collection"].is_null(), "{of_default:?}");
}

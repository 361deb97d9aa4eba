//! `serve` and the quick start: what they say, where they listen, how they end.

use super::{DOCUMENTS, ephemeral, file_of, folder, load, mutations, tail, text};
use crate::program::{Serving, ended, program, run, signal};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;

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

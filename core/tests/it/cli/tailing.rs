//! `tail`: everything once, checkpoints, histories that branch off, collections.

use super::{DOCUMENTS, ephemeral, file_of, folder, load, mutations, tail, text};
use crate::program::{Serving, ended, program, run, signal};
use millstream::testing::frames::Seed;
use millstream::wire::Opcode;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};

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

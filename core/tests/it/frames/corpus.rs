//! What fuzzers found worth keeping goes the same way on each run, without a fuzzer.

use millstream::testing::frames::{
    Recording, Served, answers, client, codec, kv, requests, stream_messages, stream_request,
};
use millstream::wire::Opcode;
use std::fs;
use std::path::{Path, PathBuf};

/// What one fuzzer does with its bytes.
type Run = fn(&[u8]);

/// The fuzzers, by the folder of their corpus.
const TARGETS: &[(&str, Run)] = &[
    ("client", client),
    ("codec", |bytes| {
        codec(bytes);
    }),
    ("kv", kv),
    ("stream_request", stream_request),
];

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target)
}

fn files(target: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(target)).expect("each fuzzer has a corpus");
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder can be listed").path()).collect();
    files.sort();
    files
}

#[test]
fn the_corpus_breaks_nothing() {
    let mut bytes = 0;
    for (target, run) in TARGETS {
        let files = files(target);
        assert!(files.len() >= 20, "{} files of {target}", files.len());
        for file in files {
            let input = fs::read(&file).expect("a file");
            bytes += input.len();
            run(&input);
        }
    }
    assert!(bytes < 300 * 1024, "{bytes} bytes: let a fuzzer merge it");
}

/// Not a check: writes what fuzzers begin with, if it is asked to.
#[test]
fn seeds_are_written_when_asked() {
    if std::env::var_os("MILLSTREAM_WRITE_SEEDS").is_none() {
        return;
    }
    let write = |target: &str, n: usize, bytes: &[u8]| {
        fs::create_dir_all(folder(target)).expect("a folder");
        fs::write(folder(target).join(format!("seed-{n:03}")), bytes).expect("a file");
    };
    let every = [requests(), answers(), stream_messages()].concat();
    for (n, seeds) in every.chunks(8).enumerate() {
        let bytes: Vec<u8> = seeds.iter().flat_map(|seed| seed.bytes()).collect();
        write("codec", n, &bytes);
    }
    for (n, seed) in requests().iter().enumerate() {
        let is_stream = seed.header.opcode == Opcode::DCP_STREAM_REQ;
        let state = if seed.header.opcode.is_dcp() { 3 } else { 1 };
        write("kv", n, &[&[state][..], &seed.bytes()].concat());
        if is_stream {
            for state in [0, 1] {
                let (extras, value) = (&seed.extras[..], &seed.value[..]);
                let input = [&[state | 24, 1][..], extras, value].concat();
                write("stream_request", 2 * n + usize::from(state), &input);
            }
        }
    }
    let served = Served::start();
    let recording = Recording::new(&served);
    for who in [0, 1] {
        let rest = recording.rest(who);
        for part in 1..=12 {
            let input = [&[who], &rest[..rest.len() * part / 12]].concat();
            write("client", part * 2 + usize::from(who), &input);
        }
    }
    served.stop();
}

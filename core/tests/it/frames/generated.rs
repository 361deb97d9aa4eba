//! Frames without end, the same on each run: `MILLSTREAM_FRAMES` says how many.

use crate::allocations::largest_since_last_asked;
use millstream::testing::frames::{
    Generator, Recording, Served, Talk, answers, codec, requests, stream_messages,
};
use std::thread;

/// Frames of a plain run; ten million in a lane of their own.
const FRAMES: u64 = 60_000;
/// Threads, each with a server of its own and other frames.
const SHARDS: u64 = 2;
/// Frames of one server before it is ended and looked over.
const FRAMES_OF_A_SERVER: u64 = 100_000;
/// Frames that one connection may take.
const FRAMES_OF_A_TALK: u32 = 200;
/// Frames without an answer after which a connection is given up: most likely it waits for the rest of a long body.
const SILENCE_MAX: u32 = 5;

/// The most that reading one of these frames sets aside in one piece: none is longer than 3 KiB, though many promise
/// 64 MiB or 4 GiB.
const CODEC_BYTES_MAX: usize = 128 * 1024;
/// The same for a server, which also answers and streams: its output may have this much.
const SERVER_BYTES_MAX: usize = 1024 * 1024;
/// The same for the clients.
const CLIENT_BYTES_MAX: usize = 256 * 1024;

/// What came of frames.
#[derive(Debug, Default)]
struct Tally {
    codec: u64,
    read: u64,
    server: u64,
    messages: u64,
    talks: u64,
    client: u64,
    understood: u64,
    largest_codec: usize,
    largest_server: usize,
    largest_client: usize,
}

#[test]
fn generated_frames_break_nothing() {
    let asked = std::env::var("MILLSTREAM_FRAMES").ok();
    let frames = asked.map_or(FRAMES, |n| n.parse().expect("a number of frames"));
    let run = |shard| move || Shard::new(shard).run(frames / SHARDS);
    let threads: Vec<_> = (0..SHARDS).map(|shard| thread::spawn(run(shard))).collect();
    let mut all = Tally::default();
    for thread in threads {
        all.add(&thread.join().expect("no frame breaks anything"));
    }
    println!("{all:?}");
    println!("frames: {}", all.codec + all.server + all.client);
    assert_eq!(all.codec + all.server + all.client, frames / SHARDS * SHARDS);
    // They get somewhere: damaged enough to be refused, valid enough to be read.
    assert!(all.read > all.codec / 2 && all.read < all.codec, "{all:?}");
    assert!(all.messages > all.server / 2, "{all:?}");
    assert!(all.talks > all.server / 50, "{all:?}");
    assert!(all.understood > all.client / 4, "{all:?}");
    assert!(all.largest_codec <= CODEC_BYTES_MAX, "{all:?}");
    assert!(all.largest_server <= SERVER_BYTES_MAX, "{all:?}");
    assert!(all.largest_client <= CLIENT_BYTES_MAX, "{all:?}");
}

struct Shard {
    requests: Generator,
    either: Generator,
    tally: Tally,
}

impl Shard {
    fn new(shard: u64) -> Self {
        let either = [requests(), answers(), stream_messages()].concat();
        Self {
            requests: Generator::new(shard * 2 + 1, requests()),
            either: Generator::new(shard * 2 + 2, either),
            tally: Tally::default(),
        }
    }

    fn run(mut self, frames: u64) -> Tally {
        let mut left = frames;
        while left > 0 {
            let now = left.min(FRAMES_OF_A_SERVER);
            left -= now;
            let served = Served::start();
            // Of sixteen frames the server gets ten, the codec alone five, and a client one.
            let (client, codec) = (now / 16, now / 16 * 5);
            self.server(&served, now - client - codec);
            self.codec(codec);
            self.client(&served, client);
            served.stop();
        }
        self.tally
    }

    fn server(&mut self, served: &Served, frames: u64) {
        largest_since_last_asked();
        let mut talk: Option<(Talk<'_>, u32, u32)> = None;
        let mut bytes = Vec::new();
        for _ in 0..frames {
            let (current, said, silent) = talk.get_or_insert_with(|| {
                self.tally.talks += 1;
                let state = self.requests.random().below(32) as u8;
                // Most are let in.
                let state = if self.requests.random().one_in(4) { state } else { state & !4 };
                (served.connect(state), 0, 0)
            });
            bytes.clear();
            self.requests.frame(&mut bytes);
            let before = current.messages;
            let goes_on = current.say(&bytes);
            let came = current.messages - before;
            self.tally.messages += came;
            *said += 1;
            *silent = if came > 0 { 0 } else { *silent + 1 };
            if !goes_on || *said == FRAMES_OF_A_TALK || *silent == SILENCE_MAX {
                talk = None;
            }
        }
        drop(talk);
        self.tally.server += frames;
        self.tally.largest_server = self.tally.largest_server.max(largest_since_last_asked());
    }

    fn codec(&mut self, frames: u64) {
        largest_since_last_asked();
        let mut bytes = Vec::new();
        for _ in 0..frames {
            bytes.clear();
            self.either.frame(&mut bytes);
            self.tally.read += codec(&bytes) as u64;
        }
        self.tally.codec += frames;
        self.tally.largest_codec = self.tally.largest_codec.max(largest_since_last_asked());
    }

    /// A client is told what a server once said, with one frame of it replaced or one put in between.
    fn client(&mut self, served: &Served, frames: u64) {
        let recording = Recording::new(served);
        let whole = [0, 1].map(|who| cut(recording.rest(who)));
        let mut bytes = Vec::new();
        largest_since_last_asked();
        for n in 0..frames {
            let who = n as u8 % 2;
            let whole = &whole[usize::from(who)];
            let random = self.either.random();
            let (at, replace) = (random.below(whole.len()), random.one_in(2));
            let damaged = random.one_in(2);
            bytes.clear();
            bytes.extend(whole[..at].concat());
            if damaged {
                let mut frame = whole[at].clone();
                let byte = random.below(frame.len());
                frame[byte] = random.next_u64() as u8;
                bytes.extend(frame);
            } else {
                self.either.frame(&mut bytes);
            }
            bytes.extend(whole[at + usize::from(replace)..].concat());
            self.tally.understood += recording.play(who, &bytes, served) as u64;
        }
        self.tally.client += frames;
        self.tally.largest_client = self.tally.largest_client.max(largest_since_last_asked());
    }
}

/// Cuts valid bytes into frames.
fn cut(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some(header) = bytes.first_chunk() {
        let len = 24 + millstream::wire::Header::parse(header).body_len as usize;
        let (frame, rest) = bytes.split_at(len);
        frames.push(frame.to_vec());
        bytes = rest;
    }
    assert!(bytes.is_empty() && !frames.is_empty(), "what a server says is whole");
    frames
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.codec += other.codec;
        self.read += other.read;
        self.server += other.server;
        self.messages += other.messages;
        self.talks += other.talks;
        self.client += other.client;
        self.understood += other.understood;
        self.largest_codec = self.largest_codec.max(other.largest_codec);
        self.largest_server = self.largest_server.max(other.largest_server);
        self.largest_client = self.largest_client.max(other.largest_client);
    }
}

//! What do the wire's codec and the frames cost a message?
//!
//! "Step and encode" is a producer's step, with everything that it does, into a sink that encodes each message into
//! the connection's output, which is given away in frames of that size: what the server does but for the socket.
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

use benches::measure::{Bench, Row, Spent, Stopwatch};
use benches::workload::{
    Documents, Encoder, Millstream, Streaming, WINDOW_BYTES, Writer, value_of,
};
use bytes::BytesMut;
use millstream::producer::{Control, OpenOptions, Step};
use millstream::stream::StreamRequest;
use millstream::types::{Cas, Datatype, Opaque, RevSeqno, Seqno, VbId};
use millstream::wire::dcp::{Mutation, StreamTag};
use millstream::wire::{FrameLimits, FrameReader};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

/// Messages in a buffer of the codec's questions.
const MESSAGES: u64 = 64;

fn main() -> ExitCode {
    Bench::run("wire", |bench| {
        let mut encoded = Vec::new();
        for value_bytes in [16, 256, 4096, 65_536] {
            encoded.extend(codec(bench, value_bytes));
        }
        bench.growth("encode against the value's size", "millstream", &encoded);
        for frame_bytes in [1, 4096, 16_384, 65_536, 262_144, 1_048_576] {
            step_and_encode(bench, frame_bytes);
        }
    })
}

fn mutation(value: &[u8], n: u64) -> Mutation<'_> {
    Mutation {
        tag: StreamTag { opaque: Opaque(7), vb: VbId(1), sid: None },
        seqno: Seqno(n),
        rev: RevSeqno(1),
        cas: Cas(n),
        flags: 0,
        expiry: 0,
        lock_time: 0,
        nru: 0,
        datatype: Datatype::RAW,
        key: b"key-000000000000",
        value,
    }
}

fn codec(bench: &mut Bench, value_bytes: usize) -> Vec<Row> {
    let value = value_of(value_bytes);
    let question = format!("encode a mutation, {value_bytes} B");
    let mut out = BytesMut::new();
    let rows = bench
        .contest(question)
        .at("encode a mutation", "value bytes", value_bytes as f64)
        .contender(Millstream::NAME, |n| {
            let watch = Stopwatch::start();
            for i in 0..n {
                if i % MESSAGES == 0 {
                    out.clear();
                }
                mutation(&value, i).encode(&mut out);
                black_box(out.len());
            }
            watch.stop(n)
        })
        .run();
    let mut message = BytesMut::new();
    for n in 0..MESSAGES {
        mutation(&value, n).encode(&mut message);
    }
    let limits = FrameLimits::AFTER_AUTH;
    bench
        .contest(format!("decode a mutation, {value_bytes} B"))
        .at("decode a mutation", "value bytes", value_bytes as f64)
        .contender(Millstream::NAME, |n| {
            let mut spent = Spent::default();
            while spent.ops < n {
                let mut reader = FrameReader::new(limits);
                reader.feed(&message);
                let watch = Stopwatch::start();
                let mut read = 0;
                while let Some(frame) = reader.next_frame().expect("our own frames") {
                    read += u64::from(Mutation::parse(&frame).is_ok());
                }
                spent = spent.then(watch.stop(read));
                assert_eq!(read, MESSAGES, "every message is read");
            }
            spent
        })
        .run();
    rows
}

fn step_and_encode(bench: &mut Bench, frame_bytes: usize) {
    const DOCUMENTS: u64 = 10_000;
    let named = if frame_bytes == 1 { "a message".into() } else { format!("{frame_bytes} B") };
    let question = format!("step and encode 256 B, frames of {named}");
    if !bench.wants(&question) {
        return;
    }
    let engine = Millstream::new(1);
    let mut documents = Documents::of(256);
    let mut writer = engine.writer();
    for n in 0..DOCUMENTS {
        let (key, value) = documents.nth(n);
        writer.set(VbId(0), key, value);
    }
    drop(writer);
    engine.rest();
    let mut streamed = |n: u64| {
        let mut spent = Spent::default();
        while spent.ops < n {
            let mut producer = engine.0.connect("wire", OpenOptions::default()).expect("connects");
            producer.control(Control::ConnectionBufferSize(WINDOW_BYTES)).expect("a window");
            let opened = producer.stream_request(VbId(0), Opaque(7), &StreamRequest::from_zero());
            opened.expect("the stream is accepted");
            let mut encoder = Encoder::new(frame_bytes);
            let watch = Stopwatch::start();
            while producer.step(Instant::now(), &mut encoder) == Step::Full {
                producer.ack(encoder.give_away());
            }
            spent = spent.then(watch.stop(encoder.documents));
            assert_eq!(encoder.documents, DOCUMENTS, "everything is encoded");
        }
        spent
    };
    bench
        .contest(question)
        .at("step and encode 256 B", "frame bytes", frame_bytes as f64)
        .contender(Millstream::NAME, &mut streamed)
        .run();
}

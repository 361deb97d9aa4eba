//! The memcached binary protocol, pipelined: for memcached, and for our own writes.

use super::process::{Process, Took, Watch, connect};
use super::wire::Input;
use crate::million::Failure;
use crate::million::documents::{Documents, key};
use bytes::BytesMut;
use core::ops::Range;
use millstream::types::{Cas, Datatype, Opaque, VbId};
use millstream::wire::kv::{Noop, Store, StoreMode};
use millstream::wire::{HEADER_BYTES, Header, Opcode, vbucket_of};

/// Requests in front of each NOOP.
const BATCH: u64 = 500;

/// memcached with one worker, as many as Redis has.
pub(super) fn start() -> Result<Option<Process>, Failure> {
    Process::start("memcached", |port, _| {
        // Root may not run it without saying so.
        ["-u", "nobody", "-t", "1", "-m", "4096", "-l", "127.0.0.1", "-p", &port.to_string()]
            .map(str::to_owned)
            .to_vec()
    })
}

/// Writes documents to any server of the protocol; with `vbuckets`, each to the one of its key.
pub(super) fn ingest(
    (pid, port): (u32, u16),
    documents: Documents,
    numbers: Range<u64>,
    vbuckets: Option<u32>,
) -> Result<Took, Failure> {
    let mut input = Input::new(connect(port)?);
    let mut batches = Vec::new();
    let mut from = numbers.start;
    while from < numbers.end {
        let to = numbers.end.min(from + BATCH);
        batches.push(batch(documents, from..to, vbuckets));
        from = to;
    }
    let watch = Watch::begin(pid);
    // Two batches are under way: the server never waits for the client.
    let mut unanswered = 0;
    for batch in &batches {
        input.send(batch)?;
        unanswered += 1;
        if unanswered == 2 {
            answered(&mut input)?;
            unanswered -= 1;
        }
    }
    while unanswered > 0 {
        answered(&mut input)?;
        unanswered -= 1;
    }
    Ok(watch.end(numbers.end - numbers.start))
}

fn batch(documents: Documents, numbers: Range<u64>, vbuckets: Option<u32>) -> BytesMut {
    let mut out = BytesMut::new();
    for (key, value) in documents.range(numbers) {
        let vb = vbuckets.map_or(VbId(0), |count| vbucket_of(&key, count));
        set(vb, &key, &value).encode(Opaque(0), &mut out);
    }
    Noop.encode(Opaque(1), &mut out);
    out
}

fn set<'a>(vb: VbId, key: &'a [u8], value: &'a [u8]) -> Store<'a> {
    Store {
        mode: StoreMode::Set,
        quiet: true,
        vb,
        cas: Cas::ZERO,
        flags: 0,
        expiry: 0,
        datatype: Datatype::RAW,
        key,
        value,
    }
}

/// One write on its own, answered.
pub(super) fn write_one(
    input: &mut Input,
    number: u64,
    value: &[u8],
    vbuckets: u32,
) -> Result<(), Failure> {
    let mut out = BytesMut::new();
    let key = key(number);
    let vb = vbucket_of(&key, vbuckets);
    Store { quiet: false, ..set(vb, &key, value) }.encode(Opaque(1), &mut out);
    input.send(&out)?;
    answered(input)
}

/// Waits for the answer that says that all before it are done; any other is a refusal.
fn answered(input: &mut Input) -> Result<(), Failure> {
    let bytes = input.want(HEADER_BYTES)?;
    let header = Header::parse(bytes.first_chunk().ok_or("a header is cut off")?);
    if !header.status().is_success() || !matches!(header.opcode, Opcode::NOOP | Opcode::SET) {
        return Err(format!("{} was answered with {}", header.opcode, header.status()).into());
    }
    let len = HEADER_BYTES + header.body_len as usize;
    input.want(len)?;
    input.consume(len);
    Ok(())
}

//! Redis Streams: XADD pipelined, XREAD from the beginning, XREAD BLOCK at the end.

use super::process::{Process, Took, Watch};
use super::wire::Input;
use crate::million::Failure;
use crate::million::documents::{Documents, key};
use core::ops::Range;
use std::time::Instant;

/// Redis that keeps everything in memory and writes nothing.
pub(super) fn start() -> Result<Option<Process>, Failure> {
    Process::start("redis-server", |port, _| {
        let port = port.to_string();
        ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
            .map(str::to_owned)
            .to_vec()
    })
}

/// Forgets the stream.
pub(super) fn clear(redis: &Process) -> Result<(), Failure> {
    let mut input = Input::new(redis.connect()?);
    input.send(b"*2\r\n$3\r\nDEL\r\n$1\r\ns\r\n")?;
    let line = input.line()?;
    if line.starts_with(b":") {
        return Ok(());
    }
    Err(format!("DEL: {}", line.escape_ascii()).into())
}

/// Commands in front of each wait for their answers.
const BATCH: u64 = 500;

/// Adds documents to the stream.
pub(super) fn ingest(
    redis: &Process,
    documents: Documents,
    numbers: Range<u64>,
) -> Result<Took, Failure> {
    let mut input = Input::new(redis.connect()?);
    let mut batches = Vec::new();
    let mut from = numbers.start;
    while from < numbers.end {
        let to = numbers.end.min(from + BATCH);
        let mut out = Vec::new();
        documents.range(from..to).for_each(|(key, value)| add(&mut out, &key, &value));
        batches.push((to - from, out));
        from = to;
    }
    let watch = Watch::begin(redis.pid());
    let mut before = 0;
    for (count, out) in &batches {
        input.send(out)?;
        added(&mut input, before)?;
        before = *count;
    }
    added(&mut input, before)?;
    Ok(watch.end(numbers.end - numbers.start))
}

fn add(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    out.extend_from_slice(b"*5\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n");
    for part in [key, value] {
        out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
}

/// Takes the answers to XADD: each an id.
fn added(input: &mut Input, count: u64) -> Result<(), Failure> {
    for _ in 0..count {
        let line = input.line()?;
        if !line.starts_with(b"$") {
            return Err(format!("XADD: {}", line.escape_ascii()).into());
        }
        input.line()?;
    }
    Ok(())
}

/// Reads the stream from its beginning.
pub(super) fn catch_up(redis: &Process, wanted: u64) -> Result<Took, Failure> {
    let mut reader = Reader::new(redis)?;
    let watch = Watch::begin(redis.pid());
    let mut count = 0;
    while count < wanted {
        reader.ask(1000, false)?;
        count += reader.take(&mut |_| {})?;
    }
    Ok(watch.end(count))
}

/// Consumers that follow the end of the stream while a writer writes; a thread serves all of them.
pub(super) fn fan_out(
    redis: &Process,
    documents: Documents,
    consumers: usize,
    numbers: Range<u64>,
) -> Result<Took, Failure> {
    let wanted = numbers.end - numbers.start;
    let mut readers = Vec::new();
    for _ in 0..consumers {
        let mut reader = Reader::new(redis)?;
        reader.last = b"$".to_vec();
        reader.ask(1000, true)?;
        readers.push((reader, 0));
    }
    std::thread::sleep(SETTLE);
    let watch = Watch::begin(redis.pid());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| ingest(redis, documents, numbers).map_err(|e| e.to_string()));
        let mut left = consumers;
        while left > 0 {
            for (reader, count) in readers.iter_mut().filter(|(_, count)| *count < wanted) {
                *count += reader.take(&mut |_| {})?;
                if *count < wanted {
                    reader.ask(1000, true)?;
                } else {
                    left -= 1;
                }
            }
        }
        writer.join().map_err(|_| "the writer panicked")??;
        Ok(watch.end(wanted * consumers as u64))
    })
}

/// Writes one by one to one consumer: how long each takes.
pub(super) fn paced(redis: &Process, documents: Documents, count: u64) -> Result<Took, Failure> {
    let mut reader = Reader::new(redis)?;
    reader.last = b"$".to_vec();
    reader.ask(1000, true)?;
    std::thread::sleep(SETTLE);
    let base = Instant::now();
    let mut latencies = Vec::new();
    let watch = Watch::begin(redis.pid());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_paced(redis, documents, count, base));
        while (latencies.len() as u64) < count {
            reader.take(&mut |value| {
                let stamp = value.first_chunk().map_or(0, |stamp| u64::from_le_bytes(*stamp));
                latencies.push(super::passes::since(base).saturating_sub(stamp));
            })?;
            reader.ask(1000, true)?;
        }
        writer.join().map_err(|_| "the writer panicked")??;
        Ok::<(), Failure>(())
    })?;
    Ok(watch.end(count).with_latencies(latencies))
}

fn write_paced(
    redis: &Process,
    documents: Documents,
    count: u64,
    base: Instant,
) -> Result<(), String> {
    let write = || -> Result<(), Failure> {
        let mut input = Input::new(redis.connect()?);
        for number in 0..count {
            std::thread::sleep(super::passes::PACE);
            let mut value = documents.value(number);
            value[..8].copy_from_slice(&super::passes::since(base).to_le_bytes());
            let mut out = Vec::new();
            add(&mut out, &key(number), &value);
            input.send(&out)?;
            added(&mut input, 1)?;
        }
        Ok(())
    };
    write().map_err(|error| error.to_string())
}

/// Time for the consumers to be asleep at the end of the stream.
const SETTLE: std::time::Duration = std::time::Duration::from_millis(200);

/// A consumer.
struct Reader {
    input: Input,
    /// The id of the last entry that came.
    last: Vec<u8>,
}

impl Reader {
    fn new(redis: &Process) -> Result<Self, Failure> {
        Ok(Self { input: Input::new(redis.connect()?), last: b"0".to_vec() })
    }

    fn ask(&mut self, count: u64, block: bool) -> Result<(), Failure> {
        let block = if block { "BLOCK 0 " } else { "" };
        let last = String::from_utf8_lossy(&self.last);
        let ask = format!("XREAD COUNT {count} {block}STREAMS s {last}\r\n");
        self.input.send(ask.as_bytes())
    }

    /// Takes one answer; tells each value, and how many came.
    fn take(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<u64, Failure> {
        let begin = self.input.line()?;
        if *begin != *b"*1" {
            return Err(format!("XREAD: {}", begin.escape_ascii()).into());
        }
        // One stream: its name and its entries.
        expect(&mut self.input, b"*2")?;
        self.bulk(&mut |_| {})?;
        let entries = length(&self.input.line()?)?;
        for _ in 0..entries {
            expect(&mut self.input, b"*2")?;
            let mut last = core::mem::take(&mut self.last);
            last.clear();
            self.bulk(&mut |id| last.extend_from_slice(id))?;
            self.last = last;
            expect(&mut self.input, b"*2")?;
            self.bulk(&mut |_| {})?;
            self.bulk(each)?;
        }
        Ok(entries)
    }

    /// One string of a length that is told first.
    fn bulk(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), Failure> {
        let len = length(&self.input.line()?)? as usize;
        each(&self.input.want(len + 2)?[..len]);
        self.input.consume(len + 2);
        Ok(())
    }
}

fn expect(input: &mut Input, what: &[u8]) -> Result<(), Failure> {
    let line = input.line()?;
    if *line == *what { Ok(()) } else { Err(format!("XREAD: {}", line.escape_ascii()).into()) }
}

fn length(line: &[u8]) -> Result<u64, Failure> {
    let digits = line.get(1..).and_then(|digits| core::str::from_utf8(digits).ok());
    let number = digits.and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| format!("no length: {}", line.escape_ascii()).into())
}

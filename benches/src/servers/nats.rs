//! NATS JetStream with one stream in files: publish with so many acknowledgements under way, an ordered push consumer.

use super::process::{Process, Took, Watch};
use super::wire::Input;
use crate::million::Failure;
use crate::million::documents::Documents;
use core::ops::Range;
use std::fmt::Write as _;

/// NATS with JetStream.
pub(super) fn start() -> Result<Option<Process>, Failure> {
    Process::start("nats-server", |port, folder| {
        let file = folder.join("nats.conf");
        let store = folder.join("store");
        // A consumer that is behind by a whole catch-up is no slow consumer here.
        let text = format!(
            "listen: 127.0.0.1:{port}\nmax_pending: 4GB\njetstream {{ store_dir: \"{}\" }}\n",
            store.display()
        );
        // A server without its settings does not start JetStream, and fails the first request.
        let _ = std::fs::write(&file, text);
        vec!["-c".to_owned(), file.display().to_string()]
    })
}

/// Acknowledgements under way.
const WINDOW: u64 = 1000;

fn login(nats: &Process) -> Result<Input, Failure> {
    let mut input = Input::new(nats.connect()?);
    input.line()?;
    input.send(b"CONNECT {\"verbose\":false,\"headers\":false,\"lang\":\"bench\"}\r\nPING\r\n")?;
    loop {
        let line = input.line()?;
        if line.starts_with(b"PONG") {
            return Ok(input);
        }
        if line.starts_with(b"-ERR") {
            return Err(format!("NATS: {}", line.escape_ascii()).into());
        }
    }
}

/// Publishes documents, each acknowledged once it is in the stream.
pub(super) fn ingest(
    nats: &Process,
    documents: Documents,
    numbers: Range<u64>,
) -> Result<Took, Failure> {
    let mut input = login(nats)?;
    input.send(b"SUB acks 1\r\n")?;
    if numbers.start == 0 {
        let config = r#"{"name":"S","subjects":["s"],"storage":"file","num_replicas":1}"#;
        request(&mut input, "$JS.API.STREAM.CREATE.S", config)?;
    }
    let total = numbers.end - numbers.start;
    let watch = Watch::begin(nats.pid());
    let (mut sent, mut acknowledged, mut out) = (0, 0, Vec::new());
    let mut values = documents.range(numbers);
    while acknowledged < total {
        out.clear();
        while sent < total && sent - acknowledged < WINDOW {
            let Some((_, value)) = values.next() else { break };
            out.extend_from_slice(format!("PUB s acks {}\r\n", value.len()).as_bytes());
            out.extend_from_slice(&value);
            out.extend_from_slice(b"\r\n");
            sent += 1;
        }
        if !out.is_empty() {
            input.send(&out)?;
        }
        // A part of what is under way, so that both sides always have work.
        let enough = acknowledged + (sent - acknowledged).div_ceil(2);
        while acknowledged < enough {
            acknowledged += message(&mut input, &mut |ack| {
                if ack.windows(7).any(|part| part == b"\"error\"") {
                    return Err(format!("NATS: {}", ack.escape_ascii()).into());
                }
                Ok(())
            })?;
        }
    }
    Ok(watch.end(total))
}

/// Reads the stream from its beginning.
pub(super) fn catch_up(nats: &Process, wanted: u64) -> Result<Took, Failure> {
    let mut input = login(nats)?;
    input.send(b"SUB acks 1\r\nSUB deliver 2\r\n")?;
    let config = r#"{"stream_name":"S","config":{"deliver_subject":"deliver","deliver_policy":"all","ack_policy":"none","max_deliver":1}}"#;
    let watch = Watch::begin(nats.pid());
    request_nothing(&mut input, "$JS.API.CONSUMER.CREATE.S", config)?;
    let mut count = 0;
    // The answer to the request comes with the messages.
    while count < wanted + 1 {
        count += message(&mut input, &mut |_| Ok(()))?;
    }
    Ok(watch.end(wanted))
}

fn request(input: &mut Input, subject: &str, body: &str) -> Result<(), Failure> {
    request_nothing(input, subject, body)?;
    message(input, &mut |answer| {
        if answer.windows(7).any(|part| part == b"\"error\"") {
            return Err(format!("NATS: {}", answer.escape_ascii()).into());
        }
        Ok(())
    })?;
    Ok(())
}

fn request_nothing(input: &mut Input, subject: &str, body: &str) -> Result<(), Failure> {
    let mut text = String::new();
    write!(text, "PUB {subject} acks {}\r\n{body}\r\n", body.len())?;
    input.send(text.as_bytes())
}

/// Takes one message; 0 for what the server says besides.
fn message(
    input: &mut Input,
    each: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let line = input.line()?;
    if line.starts_with(b"PING") {
        input.send(b"PONG\r\n")?;
        return Ok(0);
    }
    if !line.starts_with(b"MSG ") {
        return Err(format!("NATS: {}", line.escape_ascii()).into());
    }
    let len = line.rsplit(|&b| b == b' ').next();
    let len = len.and_then(|len| core::str::from_utf8(len).ok()).and_then(|len| len.parse().ok());
    let len: usize = len.ok_or("a message without its length")?;
    each(&input.want(len + 2)?[..len])?;
    input.consume(len + 2);
    Ok(1)
}

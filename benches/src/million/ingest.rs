//! Writing.

use super::Failure;
use super::documents::{Documents, KEY_BYTES};
use super::report::{Row, Watch};
use super::server::Server;
use core::ops::Range;
use millstream::client::{KvClient, WriteOptions};
use std::time::{Duration, Instant};

/// Writes a range of documents, pipelined on one connection.
pub(super) async fn write_all(
    client: &mut KvClient,
    documents: Documents,
    numbers: Range<u64>,
) -> Result<(u64, u64), Failure> {
    let wanted = numbers.end - numbers.start;
    let mut next = numbers.start;
    while next < numbers.end {
        // In portions, so that what was refused for want of memory is offered again near where it was.
        let end = numbers.end.min(next + PORTION);
        let mut report =
            client.set_many(documents.range(next..end), WriteOptions::default()).await?;
        let mut pause = Duration::from_millis(1);
        while !report.failed.is_empty() {
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
            let again: Vec<_> = report.failed.into_iter().map(|refused| refused.key).collect();
            let again = again.into_iter().map(|key| {
                let value = documents.value(super::documents::number(&key).unwrap_or_default());
                (key, value)
            });
            report = client.set_many(again, WriteOptions::default()).await?;
        }
        next = end;
    }
    Ok((wanted, wanted * (KEY_BYTES + documents.value_bytes) as u64))
}

/// Measures writing.
pub(super) async fn measure(
    name: &str,
    server: &Server,
    documents: Documents,
    numbers: Range<u64>,
) -> Result<Row, Failure> {
    let mut client = KvClient::connect(&server.connect()).await?;
    let watch = Watch::begin(server);
    let written = write_all(&mut client, documents, numbers).await?;
    let row = watch.end(name, written);
    check_counts(&mut client).await?;
    Ok(row)
}

/// Measures until everything is synced.
pub(super) async fn measure_settling(
    name: &str,
    server: &Server,
    documents: u64,
) -> Result<Row, Failure> {
    let mut client = KvClient::connect(&server.connect()).await?;
    let watch = Watch::begin(server);
    let begun = Instant::now();
    loop {
        let stats = client.stats("").await?;
        let persisted = stats.iter().find(|(name, _)| name == "ep_total_persisted");
        let persisted =
            persisted.and_then(|(_, count)| count.parse::<u64>().ok()).unwrap_or_default();
        if persisted >= documents {
            return Ok(watch.end(name, (documents, 0)));
        }
        if begun.elapsed() > SETTLING_MAX {
            return Err(format!(
                "{persisted} of {documents} documents were synced in {SETTLING_MAX:?}"
            )
            .into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the server has no error to tell of.
async fn check_counts(client: &mut KvClient) -> Result<(), Failure> {
    let stats = client.stats("").await?;
    match stats.iter().find(|(name, _)| name == "millstream_last_error") {
        Some((_, error)) => Err(format!("the engine had an error: {error}").into()),
        None => Ok(()),
    }
}

/// Documents of one bulk write.
const PORTION: u64 = 100_000;
const SETTLING_MAX: Duration = Duration::from_secs(600);

//! Following a writer: how long each write takes to a follower, and how fast a follower follows at most.

use super::catch_up::expect_peace;
use super::documents::{Documents, Seen, key};
use super::report::{Row, Watch};
use super::server::Server;
use super::{Failure, ingest};
use core::ops::Range;
use millstream::client::{
    Checkpoint, ConnectSettings, DcpClient, DcpSettings, Event, KvClient, LentEvent, StreamFrom,
    StreamOptions, WriteOptions,
};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// A connection that has everything up to now and waits for what comes.
pub(super) struct Follower(DcpClient);

impl Follower {
    /// Goes on where an earlier connection ended.
    pub(super) async fn start(server: &Server, reached: &Checkpoint) -> Result<Self, Failure> {
        let mut client =
            DcpClient::connect(&server.connect(), &DcpSettings::new("million-tail")).await?;
        let mut closed = 0;
        for token in reached.tokens() {
            client.stream(token.vb, StreamFrom::from(token), &StreamOptions::default());
            closed += 1;
        }
        while closed > 0 {
            match client.next_event().await? {
                Event::StreamOpened { .. } => closed -= 1,
                event => expect_peace(&event)?,
            }
        }
        Ok(Self(client))
    }

    /// Follows until all of `seen` came; `each` is told of each document.
    async fn follow(
        &mut self,
        seen: &mut Seen,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(u64, u64), Failure> {
        while !seen.is_complete() {
            self.0.receive().await?;
            while let Some(event) = self.0.lent_event()? {
                match event {
                    LentEvent::Mutation(document) => {
                        each(document.value);
                        seen.note(document.key, document.value)?;
                    }
                    event => expect_peace(&event.to_event())?,
                }
            }
        }
        seen.finish()
    }

    /// Measures how long paced writes take, from before the request to the event.
    pub(super) fn measure_paced(
        &mut self,
        runtime: &Runtime,
        server: &Server,
        documents: Documents,
        numbers: Range<u64>,
    ) -> Result<Row, Failure> {
        let mut seen = Seen::new(numbers.clone());
        let mut latencies = Vec::with_capacity((numbers.end - numbers.start) as usize);
        let watch = Watch::begin(server);
        let (connect, base) = (server.connect(), Instant::now());
        let followed = thread::scope(|scope| {
            let writer = scope.spawn(move || write_paced(&connect, documents, numbers, base));
            let followed = runtime.block_on(self.follow(&mut seen, |value| {
                let stamp = value.first_chunk().map_or(0, |stamp| u64::from_le_bytes(*stamp));
                latencies.push(now(base).saturating_sub(stamp));
            }));
            joined(writer).and(followed)
        })?;
        latencies.sort_unstable();
        let percentile = |share: f64| {
            let at = (latencies.len() as f64 * share) as usize;
            latencies
                .get(at.min(latencies.len().saturating_sub(1)))
                .map_or(0.0, |ns| *ns as f64 / 1e3)
        };
        Ok(watch
            .end("tail, one write a millisecond", followed)
            .with("p50_us", percentile(0.5))
            .with("p90_us", percentile(0.9))
            .with("p99_us", percentile(0.99)))
    }

    /// Measures a follower of a writer that writes as fast as it can.
    pub(super) fn measure_unpaced(
        &mut self,
        runtime: &Runtime,
        server: &Server,
        documents: Documents,
        numbers: Range<u64>,
    ) -> Result<Row, Failure> {
        let mut seen = Seen::new(numbers.clone());
        let watch = Watch::begin(server);
        let connect = server.connect();
        let (followed, behind) = thread::scope(|scope| {
            let writer = scope.spawn(move || write_unpaced(&connect, documents, numbers));
            let followed = runtime.block_on(self.follow(&mut seen, |_| {}));
            let ended = Instant::now();
            joined(writer)
                .and_then(|written| Ok((followed?, ended.saturating_duration_since(written))))
        })?;
        Ok(watch.end("tail, unpaced", followed).with("behind_ms", behind.as_secs_f64() * 1e3))
    }
}

fn joined<T>(writer: thread::ScopedJoinHandle<'_, Result<T, Failure>>) -> Result<T, Failure> {
    writer.join().map_err(|_| "the writer panicked")?
}

fn write_paced(
    connect: &ConnectSettings,
    documents: Documents,
    numbers: Range<u64>,
    base: Instant,
) -> Result<(), Failure> {
    let runtime = super::run::runtime()?;
    let mut client = runtime.block_on(KvClient::connect(connect))?;
    for number in numbers {
        thread::sleep(Duration::from_millis(1));
        let mut value = documents.value(number);
        value[..8].copy_from_slice(&now(base).to_le_bytes());
        runtime.block_on(client.set(&key(number), &value, WriteOptions::default()))?;
    }
    Ok(())
}

/// Returns when the last document was written.
fn write_unpaced(
    connect: &ConnectSettings,
    documents: Documents,
    numbers: Range<u64>,
) -> Result<Instant, Failure> {
    let runtime = super::run::runtime()?;
    runtime.block_on(async {
        let mut client = KvClient::connect(connect).await?;
        ingest::write_all(&mut client, documents, numbers).await?;
        Ok(Instant::now())
    })
}

/// Nanoseconds since `base`.
fn now(base: Instant) -> u64 {
    u64::try_from(base.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

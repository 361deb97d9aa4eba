//! Millstream itself: the same program, called with `serve`.

use super::memcached;
use super::process::{Took, Watch, connect};
use super::wire::Input;
use crate::million::documents::{Documents, Seen};
use crate::million::server::{Server, Start};
use crate::million::{self, Failure};
use core::ops::Range;
use millstream::client::{DcpClient, DcpSettings, Event, LentEvent, StreamFrom, StreamOptions};
use millstream::types::Seqno;
use millstream::wire::dcp::MarkerFlags;
use std::path::Path;
use std::time::{Duration, Instant};

/// A server whose documents all have room in memory, or none of them.
pub(super) fn start(
    data: Option<&Path>,
    documents: u64,
    value: u64,
    persisted_answers: bool,
) -> Result<Server, Failure> {
    let memory_bytes =
        if documents == 0 { SCARCE } else { (1 << 30) + 4 * documents * (value + 512) };
    let arguments = <million::Arguments as clap::Parser>::parse_from(["servers"]);
    Server::start(&arguments, Start { data, memory_bytes, persisted_answers })
}

/// Waits until a server has stored what it was given and its store rests, so that the next pass measures nothing of it.
pub(super) fn settle(server: &Server) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut before = server.usage();
    while begun.elapsed() < SETTLING_MAX {
        std::thread::sleep(LOOK);
        let now = server.usage();
        let spent = now.cpu_since(&before).unwrap_or_default();
        if spent < LOOK / 20 {
            return Ok(());
        }
        before = now;
    }
    Err(format!("the server did not come to rest in {SETTLING_MAX:?}").into())
}

const LOOK: Duration = Duration::from_millis(500);
const SETTLING_MAX: Duration = Duration::from_secs(120);

/// As many as a bucket has.
pub(super) const VBUCKETS: u32 = 1024;
const SCARCE: u64 = 64 << 20;

/// Where it is, as bare sockets want to know.
pub(super) fn place(server: &Server) -> Result<(u32, u16), Failure> {
    let port = server.address().rsplit(':').next().and_then(|port| port.parse().ok());
    Ok((server.pid(), port.ok_or("the server tells no port")?))
}

/// Writes documents, with the client that writes to memcached.
pub(super) fn ingest(
    server: &Server,
    documents: Documents,
    numbers: Range<u64>,
) -> Result<Took, Failure> {
    memcached::ingest(place(server)?, documents, numbers, Some(VBUCKETS))
}

/// Where documents have to come from, as the markers in front of them say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Memory,
    Disk,
    Anywhere,
}

/// Reads every vbucket from its beginning; fails if a document is missing, comes twice, or is not from where it has to
/// be.
pub(super) fn catch_up(server: &Server, numbers: Range<u64>, from: From) -> Result<Took, Failure> {
    runtime()?.block_on(async {
        let mut client = client(server, 0).await?;
        let highs = client.all_vb_seqnos().await?;
        let mut seen = Seen::new(numbers);
        let watch = Watch::begin(server.pid());
        for &(vb, end) in &highs {
            client.stream(vb, StreamFrom::BEGINNING, &StreamOptions::up_to(end));
        }
        while client.streams() > 0 {
            client.receive().await?;
            while let Some(event) = client.lent_event()? {
                match event {
                    LentEvent::Mutation(document) => {
                        seen.note(document.key, document.value)?;
                    }
                    LentEvent::Other(Event::SnapshotMarker(marker)) => {
                        let disk = marker.flags.contains(MarkerFlags::DISK);
                        if from != From::Anywhere && disk != (from == From::Disk) {
                            let where_from = if disk { "disk" } else { "memory" };
                            return Err(format!("a snapshot came from {where_from}").into());
                        }
                    }
                    _ => {}
                }
            }
        }
        let (count, _) = seen.finish()?;
        Ok(watch.end(count))
    })
}

/// Consumers that follow every vbucket of a new server while a writer writes; a thread serves all of them.
pub(super) fn fan_out(
    server: &Server,
    documents: Documents,
    consumers: usize,
    numbers: Range<u64>,
) -> Result<Took, Failure> {
    let wanted = numbers.end - numbers.start;
    let runtime = runtime()?;
    let mut followers = Vec::new();
    for number in 0..consumers {
        followers.push(runtime.block_on(follower(server, number))?);
    }
    let watch = Watch::begin(server.pid());
    std::thread::scope(|scope| {
        let writer =
            scope.spawn(|| ingest(server, documents, numbers.clone()).map_err(|e| e.to_string()));
        runtime.block_on(async {
            let local = tokio::task::LocalSet::new();
            for mut client in followers {
                let mut seen = Seen::new(numbers.clone());
                local.spawn_local(async move {
                    while !seen.is_complete() {
                        client.receive().await.expect("the server goes on");
                        while let Some(event) = client.lent_event().expect("in order") {
                            if let LentEvent::Mutation(document) = event {
                                seen.note(document.key, document.value).expect("each comes once");
                            }
                        }
                    }
                });
            }
            local.await;
        });
        writer.join().map_err(|_| "the writer panicked")??;
        Ok(watch.end(wanted * consumers as u64))
    })
}

/// Writes one by one to one consumer: how long each takes.
pub(super) fn paced(
    server: &Server,
    documents: Documents,
    numbers: Range<u64>,
) -> Result<Took, Failure> {
    let runtime = runtime()?;
    let mut client = runtime.block_on(follower(server, 0))?;
    let count = numbers.end - numbers.start;
    let port = place(server)?.1;
    let base = Instant::now();
    let mut latencies = Vec::new();
    let watch = Watch::begin(server.pid());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_paced(port, documents, numbers, base));
        runtime.block_on(async {
            while (latencies.len() as u64) < count {
                client.receive().await?;
                while let Some(event) = client.lent_event()? {
                    if let LentEvent::Mutation(document) = event {
                        let stamp = document.value.first_chunk();
                        let stamp = stamp.map_or(0, |stamp| u64::from_le_bytes(*stamp));
                        latencies.push(super::passes::since(base).saturating_sub(stamp));
                    }
                }
            }
            Ok::<(), Failure>(())
        })?;
        writer.join().map_err(|_| "the writer panicked")??;
        Ok::<(), Failure>(())
    })?;
    Ok(watch.end(count).with_latencies(latencies))
}

fn write_paced(
    port: u16,
    documents: Documents,
    numbers: Range<u64>,
    base: Instant,
) -> Result<(), String> {
    let write = || -> Result<(), Failure> {
        let mut input = Input::new(connect(port)?);
        for number in numbers {
            std::thread::sleep(super::passes::PACE);
            let mut value = documents.value(number);
            value[..8].copy_from_slice(&super::passes::since(base).to_le_bytes());
            memcached::write_one(&mut input, number, &value, VBUCKETS)?;
        }
        Ok(())
    };
    write().map_err(|error| error.to_string())
}

/// A connection with a stream of each vbucket, which wait for what comes.
async fn follower(server: &Server, number: usize) -> Result<DcpClient, Failure> {
    let mut client = client(server, number).await?;
    let highs = client.all_vb_seqnos().await?;
    let mut closed = 0;
    for &(vb, seqno) in &highs {
        if seqno != Seqno::ZERO {
            return Err("a follower from the beginning wants a server without documents".into());
        }
        client.stream(vb, StreamFrom::BEGINNING, &StreamOptions::default());
        closed += 1;
    }
    while closed > 0 {
        match client.next_event().await? {
            Event::StreamOpened { .. } => closed -= 1,
            event => return Err(format!("came unexpectedly: {event:?}").into()),
        }
    }
    Ok(client)
}

async fn client(server: &Server, number: usize) -> Result<DcpClient, Failure> {
    let settings = DcpSettings::new(format!("servers-{number}"));
    Ok(DcpClient::connect(&server.connect(), &settings).await?)
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

//! Everything of a server, streamed back once.

use super::contents::Contents;
use crate::cli::exit::Failure;
use crate::cli::tail::{Granted, Judge};
use crate::client::{ConnectSettings, DcpClient, DcpSettings, Event, StreamFrom, StreamOptions};
use crate::types::EndReason;
use core::time::Duration;
use std::collections::HashMap;
use std::time::Instant;

/// What came back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streamed {
    /// Mutations.
    pub(super) documents: u64,
    /// Bytes of their keys and values.
    pub(super) bytes: u64,
    /// Deletions and expirations.
    pub(super) tombstones: u64,
    pub(super) vbuckets: u64,
    pub(super) snapshots: u64,
    /// From the first request to the last event.
    pub(super) time: Duration,
}

/// Streams everything up to the high seqnos of now, holds it against the rules of the protocol, and hands it to
/// `contents`.
pub(super) async fn stream_back(
    connect: &ConnectSettings,
    contents: &mut Contents<'_>,
) -> Result<Streamed, Failure> {
    let dcp = DcpSettings::new(format!("millstream-quick-start-{}", std::process::id()));
    let mut client = DcpClient::connect(connect, &dcp).await?;
    let highs = client.all_vb_seqnos().await?;
    let mut streamed = Streamed { vbuckets: highs.len() as u64, ..Streamed::default() };
    let mut judge = Judge::default();
    let begun = Instant::now();
    let mut asked = HashMap::new();
    for &(vb, end) in &highs {
        let from = StreamFrom::BEGINNING;
        let tag = client.stream(vb, from, &StreamOptions::up_to(end));
        asked.insert(tag.opaque.get(), Granted { from, end });
    }
    while client.streams() > 0 {
        let event = client.next_event().await?;
        judge.event(&event)?;
        contents.event(&event)?;
        match &event {
            Event::StreamOpened { tag, .. } => {
                if let Some(granted) = asked.remove(&tag.opaque.get()) {
                    judge.granted(*tag, granted);
                }
            }
            Event::Mutation(document) => {
                streamed.documents += 1;
                streamed.bytes += (document.key.len() + document.value.len()) as u64;
            }
            Event::Deletion(_) | Event::Expiration(_) => streamed.tombstones += 1,
            Event::SnapshotMarker(_) => streamed.snapshots += 1,
            Event::StreamEnd { reason: Some(EndReason::Ok), .. } => {}
            Event::Rollback { .. } | Event::StreamRefused { .. } | Event::StreamEnd { .. } => {
                return Err(Failure::failed(format!(
                    "a stream was not what was asked for: {event:?}"
                )));
            }
            _ => {}
        }
    }
    streamed.time = begun.elapsed();
    judge.end()?;
    Ok(streamed)
}

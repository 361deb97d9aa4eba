//! Reading everything that there is, from the first seqno of each vbucket to its last.

use super::Failure;
use super::documents::{Documents, Seen};
use super::report::{Row, Watch};
use super::server::Server;
use core::ops::Range;
use millstream::client::{
    Checkpoint, DcpClient, DcpSettings, Document, Event, LentEvent, StreamFrom, StreamOptions,
};
use millstream::testing::oracle::{self, StreamKey, StreamOracle};
use millstream::types::{DocKind, EndReason, Seqno};
use std::collections::HashMap;

/// Measures a catch-up. The client counts, and checks that each document comes once; no more.
pub(super) async fn measure(
    name: &str,
    server: &Server,
    numbers: Range<u64>,
) -> Result<Row, Failure> {
    let mut client = DcpClient::connect(&server.connect(), &DcpSettings::new("million")).await?;
    let highs = client.all_vb_seqnos().await?;
    let mut seen = Seen::new(numbers);
    let watch = Watch::begin(server);
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
                event => expect_peace(&event.to_event())?,
            }
        }
    }
    Ok(watch.end(name, seen.finish()?))
}

/// A catch-up that is not measured and in which everything is judged: the order of events, and each value. Returns
/// where each stream ended.
pub(super) async fn judge(
    server: &Server,
    documents: Documents,
    numbers: Range<u64>,
) -> Result<Checkpoint, Failure> {
    let mut client =
        DcpClient::connect(&server.connect(), &DcpSettings::new("million-judge")).await?;
    let highs = client.all_vb_seqnos().await?;
    let mut seen = Seen::new(numbers);
    let mut oracle = StreamOracle::new();
    let mut checkpoint = Checkpoint::default();
    let mut ends = HashMap::new();
    for &(vb, end) in &highs {
        let tag = client.stream(vb, StreamFrom::BEGINNING, &StreamOptions::up_to(end));
        ends.insert(tag.opaque, end);
    }
    while client.streams() > 0 {
        let event = client.next_event().await?;
        if let Event::Mutation(document) = &event {
            let number = seen.note(&document.key, &document.value)?;
            if document.value != documents.value(number) {
                return Err(format!("document {number} has another value than was written").into());
            }
        } else {
            expect_peace(&event)?;
        }
        let end = ends.get(&event.tag().opaque).copied().unwrap_or(Seqno::MAX);
        observe(&mut oracle, &event, end);
        if oracle.violations().total > 0 {
            break;
        }
        checkpoint.update(&event);
    }
    oracle.finish().map_err(|violations| violations.to_string())?;
    seen.finish()?;
    Ok(checkpoint)
}

/// Fails for what must not come in the middle of a measurement.
pub(super) fn expect_peace(event: &Event) -> Result<(), Failure> {
    match event {
        Event::StreamOpened { .. }
        | Event::SnapshotMarker(_)
        | Event::SeqnoAdvanced { .. }
        | Event::StreamEnd { reason: Some(EndReason::Ok), .. } => Ok(()),
        other => Err(format!("came unexpectedly: {other:?}").into()),
    }
}

fn observe(oracle: &mut StreamOracle, event: &Event, end: Seqno) {
    let tag = event.tag();
    let stream = StreamKey { vb: tag.vb, sid: tag.sid };
    let told = match event {
        Event::StreamOpened { .. } => {
            oracle::Event::Accepted { start: Seqno::ZERO, end, inside: None }
        }
        Event::SnapshotMarker(marker) => {
            oracle::Event::Marker { start: marker.start, end: marker.end, flags: marker.flags.0 }
        }
        Event::Mutation(document) => told(document),
        Event::SeqnoAdvanced { seqno, .. } => oracle::Event::SeqnoAdvanced { seqno: *seqno },
        Event::StreamEnd { reason: Some(reason), .. } => oracle::Event::End { reason: *reason },
        _ => return,
    };
    oracle.observe(stream, told);
}

fn told(document: &Document) -> oracle::Event<'_> {
    let meta = &document.meta;
    oracle::Event::Document {
        seqno: meta.seqno,
        key: &document.key,
        value: &document.value,
        cas: meta.cas,
        flags: meta.flags,
        kind: DocKind::Alive,
    }
}

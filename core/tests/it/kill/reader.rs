//! A client that follows all vbuckets through every kill, and goes back when it is told to.

use super::ledger::{Stored, Survey};
use super::writers::gone;
use super::{Tally, VBUCKETS};
use millstream::Error;
use millstream::client::{
    Checkpoint, ConnectSettings, DcpClient, DcpSettings, Document, Event, StreamFrom, StreamOptions,
};
use millstream::testing::oracle::{self, Expected, Range, StreamKey, StreamOracle};
use millstream::types::{DocKind, EndReason, Seqno, VbId};
use millstream::wire::dcp::StreamTag;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A DCP connection, and what its requests asked for.
#[derive(Debug)]
pub(super) struct Streams {
    client: DcpClient,
    asked: HashMap<u32, (StreamFrom, Seqno)>,
}

impl Streams {
    pub(super) async fn connect(address: &str, name: &str) -> Result<Self, Error> {
        let settings = ConnectSettings::new(address, "default");
        let client = DcpClient::connect(&settings, &DcpSettings::new(name)).await?;
        Ok(Self { client, asked: HashMap::new() })
    }

    pub(super) fn client(&mut self) -> &mut DcpClient {
        &mut self.client
    }

    pub(super) fn ask(&mut self, vb: VbId, from: StreamFrom, end: Seqno) {
        let tag = self.client.stream(vb, from, &StreamOptions::up_to(end));
        self.asked.insert(tag.opaque.get(), (from, end));
    }

    /// The next event, which the oracle has seen; `None` when no stream is left.
    pub(super) async fn next(&mut self, oracle: &mut StreamOracle) -> Result<Option<Event>, Error> {
        if self.client.streams() == 0 {
            return Ok(None);
        }
        let event = self.client.next_event().await?;
        self.show(&event, oracle);
        assert_eq!(oracle.violations().total, 0, "{}", oracle.violations());
        Ok(Some(event))
    }

    /// Where a request that was answered had asked to start.
    pub(super) fn asked(&self, tag: StreamTag) -> StreamFrom {
        self.asked[&tag.opaque.get()].0
    }

    fn show(&self, event: &Event, oracle: &mut StreamOracle) {
        let seen = match event {
            Event::StreamOpened { tag, .. } => {
                let (from, end) = self.asked[&tag.opaque.get()];
                let inside = from.snap_start < from.snap_end && from.seqno < from.snap_end;
                let inside = inside.then_some(Range { start: from.snap_start, end: from.snap_end });
                oracle::Event::Accepted { start: from.seqno, end, inside }
            }
            Event::SnapshotMarker(marker) => {
                let (start, end, flags) = (marker.start, marker.end, marker.flags.0);
                oracle::Event::Marker { start, end, flags }
            }
            Event::Mutation(document) | Event::Deletion(document) | Event::Expiration(document) => {
                let Document { meta, key, value, .. } = document;
                let flags = if meta.kind == DocKind::Alive { meta.flags } else { 0 };
                let (seqno, cas, kind) = (meta.seqno, meta.cas, meta.kind);
                oracle::Event::Document { seqno, key, value, cas, flags, kind }
            }
            Event::SystemChange(change) => oracle::Event::SystemEvent { seqno: change.seqno },
            Event::SeqnoAdvanced { seqno, .. } => oracle::Event::SeqnoAdvanced { seqno: *seqno },
            Event::StreamEnd { reason, .. } => {
                let reason = reason.expect("our server knows its reasons");
                oracle::Event::End { reason }
            }
            _ => return,
        };
        oracle.observe(StreamKey::of(event.tag().vb), seen);
    }
}

/// Documents by key, in the version that came last.
pub(super) fn store(event: &Event, documents: &mut BTreeMap<Vec<u8>, Stored>) {
    if let Event::Mutation(document) | Event::Deletion(document) | Event::Expiration(document) =
        event
    {
        let meta = &document.meta;
        let alive = meta.kind == DocKind::Alive;
        let stored = Stored {
            seqno: meta.seqno,
            cas: meta.cas,
            flags: if alive { meta.flags } else { 0 },
            value: alive.then(|| document.value.to_vec()),
        };
        documents.insert(document.key.to_vec(), stored);
    }
}

/// Follows all vbuckets through every kill.
#[derive(Debug)]
pub(super) struct Follower {
    checkpoint: Checkpoint,
    /// Of each vbucket, the seqnos at which it had complete snapshots. Only to those it can go back: of a key that
    /// was written twice in a snapshot it was sent the newer version alone, and without that it has neither.
    points: Vec<BTreeSet<Seqno>>,
    /// Judges what it is sent, and knows what it has.
    oracle: StreamOracle,
}

/// Something that a follower read.
pub(super) type Read = (VbId, Seqno, Option<Vec<u8>>);

impl Follower {
    pub(super) fn new() -> Self {
        Self {
            checkpoint: Checkpoint::default(),
            points: vec![BTreeSet::new(); usize::from(VBUCKETS)],
            oracle: StreamOracle::new().track_contents(),
        }
    }

    /// Takes note of an event.
    fn update(&mut self, event: &Event) {
        self.checkpoint.update(event);
        let vb = event.tag().vb;
        let token = self.checkpoint.token(vb);
        if event.seqno().is_some() && token.seqno == token.snap_end {
            self.points[usize::from(vb.get())].insert(token.seqno);
        }
    }

    /// Goes back to the newest complete snapshot up to a seqno.
    fn roll_back(&mut self, vb: VbId, to: Seqno) {
        let points = &mut self.points[usize::from(vb.get())];
        points.split_off(&to.next());
        let point = points.last().copied().unwrap_or_default();
        self.checkpoint.token(vb).roll_back(point);
    }

    /// Follows until the server is gone; what it read.
    pub(super) async fn follow(&mut self, address: &str) -> Vec<Read> {
        let mut reads = Vec::new();
        let done = self.read_on(address, &mut reads).await;
        gone(&done.expect_err("it follows until the server is gone"));
        self.oracle.disconnected();
        reads
    }

    async fn read_on(&mut self, address: &str, reads: &mut Vec<Read>) -> Result<(), Error> {
        let mut streams = Streams::connect(address, "follower").await?;
        for vb in (0..VBUCKETS).map(VbId) {
            streams.ask(vb, StreamFrom::from(&*self.checkpoint.token(vb)), Seqno::MAX);
        }
        while let Some(event) = streams.next(&mut self.oracle).await? {
            match &event {
                Event::Mutation(document) | Event::Deletion(document) => {
                    let value = document.meta.kind.is_alive().then(|| document.value.to_vec());
                    reads.push((document.tag.vb, document.meta.seqno, value));
                }
                Event::StreamOpened { .. }
                | Event::SnapshotMarker(_)
                | Event::SeqnoAdvanced { .. } => {}
                other => panic!("a stream that was up to date: {other:?}"),
            }
            self.update(&event);
        }
        panic!("no stream has an end");
    }

    /// Goes back where it has to, reads what it lacks, and compares what it then has with what is stored.
    pub(super) async fn catch_up(&mut self, address: &str, survey: &Survey, tally: &mut Tally) {
        let connected = Streams::connect(address, "follower").await;
        let mut streams = connected.expect("the server is there");
        for vb in (0..VBUCKETS).map(VbId) {
            self.ask_up_to_high(vb, &mut streams, survey);
        }
        while let Some(event) = streams.next(&mut self.oracle).await.expect("the server is there") {
            let tag = event.tag();
            let survived = survey.logs[usize::from(tag.vb.get())][0].seqno;
            match &event {
                Event::Rollback { to, .. } => {
                    let was = streams.asked(tag);
                    assert!(*to <= survived, "back to {to}, but history branched at {survived}");
                    let between = was.seqno == was.snap_end || was.seqno == was.snap_start;
                    assert!(
                        *to == survey.back_to(tag.vb) || !between,
                        "{was:?} was sent back to {to}"
                    );
                    tally.rollbacks += 1;
                    self.roll_back(tag.vb, *to);
                    self.ask_up_to_high(tag.vb, &mut streams, survey);
                }
                Event::StreamOpened { .. } => {
                    let was = streams.asked(tag);
                    assert!(was.seqno <= survived, "{was:?} went on above {survived}");
                    tally.resumed += u64::from(was.seqno > Seqno::ZERO);
                }
                Event::StreamEnd { reason, .. } => assert_eq!(*reason, Some(EndReason::Ok)),
                Event::StreamRefused { status, .. } => panic!("vb {}: {status}", tag.vb),
                _ => {}
            }
            self.update(&event);
        }
        self.compare(survey, tally);
    }

    fn ask_up_to_high(&mut self, vb: VbId, streams: &mut Streams, survey: &Survey) {
        let from = StreamFrom::from(&*self.checkpoint.token(vb));
        streams.ask(vb, from, from.seqno.max(survey.highs[usize::from(vb.get())]));
    }

    fn compare(&mut self, survey: &Survey, tally: &mut Tally) {
        for vb in (0..VBUCKETS).map(VbId) {
            let of_vb =
                survey.documents.iter().filter(|(key, _)| super::ledger::vbucket(key) == vb);
            let expected = of_vb.map(|(key, stored)| {
                let Stored { cas, flags, value, .. } = stored;
                let (cas, flags, deleted) = (*cas, *flags, value.is_none());
                let value = value.as_deref().unwrap_or_default();
                (key.as_slice(), Expected { value, cas, flags, deleted })
            });
            self.oracle.compare(StreamKey::of(vb), expected);
        }
        assert_eq!(self.oracle.violations().total, 0, "{}", self.oracle.violations());
        tally.followed += survey.documents.len() as u64;
    }
}

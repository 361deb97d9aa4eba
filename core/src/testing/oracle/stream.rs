//! One stream, and what may come next of it.

use super::collections::Collections;
use super::contents::{Contents, Version};
use super::event::Event;
use super::violation::{Fault, Range};
use crate::types::{EndReason, Seqno};

/// What is known of a stream.
#[derive(Debug)]
pub(super) struct Stream {
    life: Life,
    /// The last seqno that the client asked for.
    end: Seqno,
    /// The last seqno that it has.
    last: Seqno,
    /// The snapshot that the client was in the middle of when the stream was accepted.
    inside: Option<Range>,
    /// The newest snapshot of this life; complete when `last` is its end.
    snapshot: Option<Snapshot>,
    /// Snapshots so far, of all lives.
    snapshots: u64,
    pub(super) contents: Contents,
    pub(super) collections: Collections,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Never,
    Open,
    Ended,
}

#[derive(Clone, Copy, Debug)]
struct Snapshot {
    range: Range,
    /// Whether a key may come more than once.
    duplicates: bool,
}

/// How strictly a stream is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Whether a snapshot may be cut by another.
    pub(super) cuts: bool,
    /// Whether contents are kept.
    pub(super) contents: bool,
    /// Whether the client knows of collections.
    pub(super) collections: bool,
}

/// A snapshot was cut by another, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut(pub(super) bool);

impl Stream {
    /// A stream that nobody was granted yet.
    pub(super) fn new() -> Self {
        Self {
            life: Life::Never,
            end: Seqno::ZERO,
            last: Seqno::ZERO,
            inside: None,
            snapshot: None,
            snapshots: 0,
            contents: Contents::default(),
            collections: Collections::default(),
        }
    }

    /// What comes next. After a fault the stream goes on as if the event had been in order, as far
    /// as it can.
    pub(super) fn observe(&mut self, event: &Event<'_>, rules: Rules) -> Result<Cut, Fault> {
        match (self.life, event) {
            (Life::Open, Event::Accepted { .. }) => return Err(Fault::AcceptedTwice),
            (Life::Never | Life::Ended, Event::Accepted { start, end, inside }) => {
                self.accept(*start, *end, *inside);
                return Ok(Cut(false));
            }
            (Life::Never, _) => return Err(Fault::NotAccepted),
            (Life::Ended, _) => return Err(Fault::AfterEnd),
            (Life::Open, _) => {}
        }
        match *event {
            Event::Accepted { .. } => {}
            Event::Marker { start, end, flags } => {
                return self.marker(Range { start, end }, flags, rules.cuts);
            }
            Event::Document { seqno, key, value, cas, flags, kind } => {
                let version = || Version { seqno, value: value.into(), cas, flags, kind };
                self.item(seqno)?;
                if rules.collections {
                    self.collections.document(key, seqno)?;
                }
                self.key(key, seqno, rules.contents.then(version))?;
            }
            Event::SystemEvent { seqno } => self.item(seqno)?,
            Event::Collection { seqno, id, exists } => {
                self.item(seqno)?;
                self.collections.told(id, exists, seqno)?;
            }
            Event::SeqnoAdvanced { seqno } => self.advance(seqno)?,
            Event::End { reason } => self.end(reason)?,
        }
        Ok(Cut(false))
    }

    /// The connection is gone.
    pub(super) fn disconnect(&mut self) {
        if self.life == Life::Open {
            self.life = Life::Ended;
        }
    }

    /// The test is over; whether a snapshot was left half way.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        match self.life {
            Life::Open => self.complete(),
            Life::Never | Life::Ended => Ok(()),
        }
    }

    fn accept(&mut self, start: Seqno, end: Seqno, inside: Option<Range>) {
        self.life = Life::Open;
        self.inside = inside;
        (self.last, self.end) = (start, end);
        self.snapshot = None;
        self.collections.accept(start);
        self.contents.roll_back(start);
    }

    fn marker(&mut self, marker: Range, flags: u32, cuts: bool) -> Result<Cut, Fault> {
        let judged = self.judge_marker(marker, cuts);
        self.snapshots += 1;
        let duplicates = flags & MAY_CONTAIN_DUPLICATES != 0;
        self.snapshot = Some(Snapshot { range: marker, duplicates });
        judged
    }

    fn judge_marker(&self, marker: Range, cuts: bool) -> Result<Cut, Fault> {
        let last = self.last;
        if marker.start > marker.end {
            return Err(Fault::MarkerBackwards(marker));
        }
        let mut cut = false;
        match self.snapshot.map(|snapshot| snapshot.range) {
            // The first starts at what the client has, which is not in it.
            None if marker.start < last => {
                return Err(Fault::MarkerOverlaps { marker, after: last });
            }
            None => self.judge_resumption(marker)?,
            Some(before) if last < before.end => {
                if !cuts || marker.start > before.end {
                    return Err(Fault::SnapshotIncomplete { snapshot: before, last });
                }
                if marker.start <= last {
                    return Err(Fault::CutRepeats { marker, last });
                }
                if marker.end < before.end {
                    return Err(Fault::CutEndsEarly { marker, cut: before });
                }
                cut = true;
            }
            Some(before) if marker.start <= before.end => {
                return Err(Fault::MarkerOverlaps { marker, after: before.end });
            }
            Some(_) => {}
        }
        if marker.end <= last {
            return Err(Fault::MarkerBehind { marker, last });
        }
        Ok(Cut(cut))
    }

    /// Whether the first snapshot takes a client that was in the middle of one as far as that one
    /// would have.
    fn judge_resumption(&self, first: Range) -> Result<(), Fault> {
        match self.inside {
            Some(inside) if first.end < inside.end => {
                Err(Fault::CutEndsEarly { marker: first, cut: inside })
            }
            _ => Ok(()),
        }
    }

    /// A seqno that is sent.
    fn item(&mut self, seqno: Seqno) -> Result<(), Fault> {
        let last = self.last;
        self.last = last.max(seqno);
        if seqno <= last {
            return Err(Fault::NotRising { seqno, last });
        }
        match self.snapshot.map(|snapshot| snapshot.range) {
            Some(Range { start, end }) if (start..=end).contains(&seqno) => {}
            Some(range) if last < range.end => {
                return Err(Fault::OutsideSnapshot { seqno, snapshot: Some(range) });
            }
            _ => {
                return Err(Fault::OutsideSnapshot { seqno, snapshot: None });
            }
        }
        if seqno > self.end {
            return Err(Fault::PastEnd { seqno, end: self.end });
        }
        Ok(())
    }

    fn key(&mut self, key: &[u8], seqno: Seqno, version: Option<Version>) -> Result<(), Fault> {
        let twice = self.contents.note(key, self.snapshots, version);
        match self.snapshot {
            Some(Snapshot { range, duplicates: false }) if twice => {
                Err(Fault::KeyTwice { key: key.into(), seqno, snapshot: range })
            }
            _ => Ok(()),
        }
    }

    /// Nothing up to a seqno is for the client: inside a snapshot it is as good as an item; between
    /// two, as good as a snapshot of which nothing is shown.
    fn advance(&mut self, seqno: Seqno) -> Result<(), Fault> {
        let last = self.last;
        let open = self.snapshot.is_some_and(|snapshot| last < snapshot.range.end);
        if open || seqno <= last {
            return self.item(seqno);
        }
        let range = Range { start: seqno, end: seqno };
        let first = self.snapshot.replace(Snapshot { range, duplicates: false }).is_none();
        self.item(seqno)?;
        if first { self.judge_resumption(range) } else { Ok(()) }
    }

    fn end(&mut self, reason: EndReason) -> Result<(), Fault> {
        self.life = Life::Ended;
        match reason {
            EndReason::Ok => self.complete(),
            _ => Ok(()),
        }
    }

    /// Whether the newest snapshot is complete, as far as the client asked for it.
    fn complete(&self) -> Result<(), Fault> {
        match self.snapshot.map(|snapshot| snapshot.range) {
            Some(snapshot) if self.last < snapshot.end && snapshot.end <= self.end => {
                Err(Fault::SnapshotIncomplete { snapshot, last: self.last })
            }
            _ => Ok(()),
        }
    }
}

/// The bit of a marker whose snapshot may hold a key more than once.
const MAY_CONTAIN_DUPLICATES: u32 = 0x20;

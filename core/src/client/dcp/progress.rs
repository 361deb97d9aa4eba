//! How far a stream has come: pure arithmetic.

use super::event::Event;
use crate::client::failure;
use crate::error::Error;
use crate::types::Seqno;
use crate::wire::dcp::StreamTag;

/// How far a stream has come, and in which snapshot.
///
/// ```text
///   marker(end) ──► seqnos rise, none above end ──► marker(end') ──► …
///   inside a snapshot in key order they come in any order
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    reached: Seqno,
    end: Seqno,
    by_key: bool,
}

/// What is wrong with a seqno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Astray {
    /// It is not above the one before it.
    NotAbove(Seqno),
    /// It is above the end of the snapshot that was announced.
    BehindEnd(Seqno),
}

impl Astray {
    /// As an error of the server's.
    #[cold]
    pub(super) fn blame(self, peer: &str, tag: StreamTag) -> Error {
        let what = match self {
            Self::NotAbove(reached) => format!("a seqno of vb {} is not above {reached}", tag.vb),
            Self::BehindEnd(end) => {
                format!("a seqno of vb {} is above {end}, where its snapshot ends", tag.vb)
            }
        };
        failure::nonsense(peer, &what)
    }
}

impl Progress {
    /// A document has this seqno.
    #[inline]
    pub(super) fn reach(&mut self, seqno: Seqno) -> Result<(), Astray> {
        if self.by_key {
            self.reached = self.reached.max(seqno);
            return Ok(());
        }
        if seqno <= self.reached {
            return Err(Astray::NotAbove(self.reached));
        }
        if seqno > self.end {
            return Err(Astray::BehindEnd(self.end));
        }
        self.reached = seqno;
        Ok(())
    }

    /// An event came that may be another than a document.
    pub(super) fn follow(&mut self, event: &Event) {
        match event {
            Event::SnapshotMarker(marker) => self.end = marker.end,
            Event::OsoSnapshot { begins, .. } => self.by_key = *begins,
            Event::SystemChange(_) | Event::SeqnoAdvanced { .. } => {
                self.reached = event.seqno().unwrap_or_default().max(self.reached);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Opaque, VbId};
    use crate::wire::dcp::{MarkerExtension, MarkerFlags, SnapshotMarker, StreamTag};

    const TAG: StreamTag = StreamTag::new(Opaque(1), VbId(2));

    fn marker(end: u64) -> Event {
        let (flags, extension) = (MarkerFlags::MEMORY, MarkerExtension::None);
        let (start, end) = (Seqno::ZERO, Seqno(end));
        Event::SnapshotMarker(SnapshotMarker { tag: TAG, start, end, flags, extension })
    }

    #[test]
    fn seqnos_rise_inside_the_snapshot_that_was_announced() {
        let mut progress = Progress::default();
        assert_eq!(progress.reach(Seqno(1)), Err(Astray::BehindEnd(Seqno(0))));
        progress.follow(&marker(5));
        assert_eq!(progress.reach(Seqno(3)), Ok(()));
        assert_eq!(progress.reach(Seqno(3)), Err(Astray::NotAbove(Seqno(3))));
        assert_eq!(progress.reach(Seqno(6)), Err(Astray::BehindEnd(Seqno(5))));
        assert_eq!(progress.reach(Seqno(5)), Ok(()));
        progress.follow(&marker(9));
        progress.follow(&Event::SeqnoAdvanced { tag: TAG, seqno: Seqno(7) });
        assert_eq!(progress.reach(Seqno(7)), Err(Astray::NotAbove(Seqno(7))));
        assert_eq!(progress.reach(Seqno(8)), Ok(()));
    }

    #[test]
    fn in_key_order_any_seqno_may_come_and_the_highest_counts() {
        let mut progress = Progress::default();
        progress.follow(&Event::OsoSnapshot { tag: TAG, begins: true });
        for seqno in [9, 2, 5] {
            assert_eq!(progress.reach(Seqno(seqno)), Ok(()));
        }
        progress.follow(&Event::OsoSnapshot { tag: TAG, begins: false });
        progress.follow(&marker(12));
        assert_eq!(progress.reach(Seqno(9)), Err(Astray::NotAbove(Seqno(9))));
        assert_eq!(progress.reach(Seqno(10)), Ok(()));
    }
}

//! The registrations of open scans in one vbucket: which replaced versions they still have to show.

use crate::types::Seqno;
use std::collections::BTreeMap;

/// The open scans of one vbucket.
#[derive(Debug, Default)]
pub(super) struct Pins {
    /// How far each has read.
    open: BTreeMap<Pin, Seqno>,
    made: u64,
    era: u64,
}

/// The name of one open scan, sorted by the seqno at which it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pin {
    end: Seqno,
    id: u64,
    era: u64,
}

/// Why a scan cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// The vbucket's history was changed below it.
    Ended,
    /// It kept too much for too long.
    Evicted,
}

impl Pin {
    /// The seqno at which the scan ends.
    pub(super) fn end(&self) -> Seqno {
        self.end
    }
}

impl Pins {
    /// Registers a scan of the seqnos above `read_to`, up to `end`.
    pub(super) fn open(&mut self, read_to: Seqno, end: Seqno) -> Pin {
        self.made += 1;
        let pin = Pin { end, id: self.made, era: self.era };
        self.open.insert(pin, read_to);
        pin
    }

    /// How far a scan has read.
    pub(super) fn read_to(&self, pin: Pin) -> Result<Seqno, Gone> {
        match self.open.get(&pin) {
            Some(&read_to) => Ok(read_to),
            None if pin.era == self.era => Err(Gone::Evicted),
            None => Err(Gone::Ended),
        }
    }

    /// Notes how far a scan has read: it no longer needs what lies below.
    pub(super) fn advance(&mut self, pin: Pin, read_to: Seqno) {
        if let Some(at) = self.open.get_mut(&pin) {
            *at = read_to;
        }
    }

    /// Strikes a scan off. Returns how far it had read, if it was still there.
    pub(super) fn close(&mut self, pin: Pin) -> Option<Seqno> {
        self.open.remove(&pin)
    }

    /// Whether a scan has yet to show `old`, which `new` took the place of: one that ends between them.
    pub(super) fn needed(&self, old: Seqno, new: Seqno) -> bool {
        let at = |end| Pin { end, id: 0, era: 0 };
        self.open.range(at(old)..at(new)).any(|(_, &read_to)| read_to < old)
    }

    /// Ends every scan, since the history that they show is no more.
    pub(super) fn end_all(&mut self) {
        self.open.clear();
        self.era += 1;
    }

    /// Ends every scan, since together they keep too much.
    #[cfg(feature = "embedded")]
    pub(super) fn evict_all(&mut self) {
        self.open.clear();
    }

    /// Whether no scan is open.
    #[cfg(any(test, feature = "embedded"))]
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

//! A scan of a random sequence, and what it has to show.

use super::check::{Step, ensure};
use super::model::Expected;
use crate::ErrorKind;
use crate::store::{Record, Scan, SliceBudget};
use crate::types::Seqno;

/// A scan under way, and what it has to show.
pub(super) struct OpenScan {
    pub(super) scan: Box<dyn Scan>,
    pub(super) vb: usize,
    pub(super) expected: Expected,
    /// The last seqno whose key is [`odd`].
    pub(super) last_odd: Seqno,
    pub(super) shown: Vec<Record>,
    pub(super) read_to: Seqno,
    pub(super) ended: bool,
}

impl OpenScan {
    /// Reads one slice; whether there is more.
    pub(super) fn read(&mut self, budget: SliceBudget) -> Step<bool> {
        let shown_before = self.shown.len();
        let slice = match self.scan.next(budget, &mut self.shown) {
            Ok(slice) => slice,
            Err(e) if self.ended && e.kind() == ErrorKind::Closed => return Ok(false),
            Err(e) => return Err(e.into()),
        };
        let end = *self.scan.range().end();
        ensure!(!self.ended || self.read_to >= end, "a scan goes on after its vbucket was changed");
        let new = &self.shown[shown_before..];
        ensure!(new.len() <= budget.items, "a slice of {} has {}", budget.items, new.len());
        let bounds = self.read_to.next()..=slice.read_to;
        let inside = new.iter().all(|record| bounds.contains(&record.meta.seqno));
        ensure!(inside || new.is_empty(), "a slice up to {} shows {new:?}", slice.read_to);
        self.read_to = self.read_to.max(slice.read_to);
        Ok(slice.more)
    }

    /// Whether the scan has yet to show a version that was the newest when it was opened.
    pub(super) fn needs(&self, seqno: Seqno) -> bool {
        self.read_to < seqno && self.expected.must.contains(&seqno)
    }

    pub(super) fn check(&self) -> Step {
        if self.ended {
            return Ok(());
        }
        let Expected { may, must } = &self.expected;
        let shown: Vec<u64> = self.shown.iter().map(|record| record.meta.seqno.get()).collect();
        let mut rest = may.iter();
        let allowed = self.shown.iter().all(|record| rest.any(|other| other == record));
        ensure!(allowed, "{:?} shows {shown:?}, which it may not", self.scan.range());
        let lacking = must.iter().find(|seqno| !shown.contains(&seqno.get()));
        ensure!(lacking.is_none(), "{:?} shows {shown:?} without {lacking:?}", self.scan.range());
        let last = shown.last().copied().unwrap_or(0);
        ensure!(self.scan.last().get() == last, "the last is {}, not {last}", self.scan.last());
        let last_odd = last_of(&self.shown, odd);
        ensure!(self.last_odd == last_odd, "the last odd is {}, not {last_odd}", self.last_odd);
        Ok(())
    }
}

/// Whether a key's last byte is odd: some are.
pub(super) fn odd(key: &[u8]) -> bool {
    key.last().is_some_and(|byte| byte % 2 == 1)
}

/// The last of some records whose key is asked for.
pub(super) fn last_of(records: &[Record], shows: fn(&[u8]) -> bool) -> Seqno {
    let last = records.iter().rfind(|record| shows(&record.key));
    last.map_or(Seqno::ZERO, |record| record.meta.seqno)
}

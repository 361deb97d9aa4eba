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
        Ok(())
    }
}

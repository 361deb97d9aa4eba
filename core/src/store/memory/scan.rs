//! A scan of the memory store: a pin in its vbucket, and how far it has read.

use super::store::{PAGE, lock};
use super::vbucket::Vbucket;
use crate::error::Result;
use crate::store::checks::scan_ended;
use crate::store::contract::{Record, Scan, Slice, SliceBudget};
use crate::store::pins::Pin;
use crate::types::{Seqno, VbId};
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::{Arc, Mutex};

/// An open scan; dropping it gives up the versions that it kept.
pub(super) struct MemoryScan {
    vbs: Arc<[Mutex<Vbucket>]>,
    vb: VbId,
    start: Seqno,
    end: Seqno,
    /// None if there is nothing to read.
    pin: Option<Pin>,
    last: Seqno,
    purge: Seqno,
    read_to: Seqno,
    /// How many versions there were to show, at most, less those shown.
    left_max: u64,
    /// Records of other keys are shown without their values.
    needs_value: fn(&[u8]) -> bool,
}

impl MemoryScan {
    /// Opens a scan of an existing vbucket.
    pub(super) fn open(vbs: Arc<[Mutex<Vbucket>]>, vb: VbId, range: RangeInclusive<Seqno>) -> Self {
        let (start, end) = range.into_inner();
        let opened = lock(&vbs[usize::from(vb.get())]).open_scan(start, end);
        Self {
            vbs,
            vb,
            start,
            end: opened.end,
            pin: opened.pin,
            last: opened.last,
            purge: opened.purge,
            read_to: Seqno(start.get().saturating_sub(1)),
            left_max: opened.versions as u64,
            needs_value: |_| true,
        }
    }

    fn vbucket(&self) -> &Mutex<Vbucket> {
        &self.vbs[usize::from(self.vb.get())]
    }
}

impl Scan for MemoryScan {
    fn range(&self) -> RangeInclusive<Seqno> {
        self.start..=self.end
    }

    fn last(&self) -> Seqno {
        self.last
    }

    fn last_whose_key(&mut self, shows: fn(&[u8]) -> bool) -> Result<Seqno> {
        let Some(pin) = self.pin else { return Ok(Seqno::ZERO) };
        let mut at = self.end;
        loop {
            let found = lock(self.vbucket()).last_whose_key(pin, at, self.end, PAGE, shows);
            match found.map_err(|_| scan_ended(self.vb))? {
                ControlFlow::Break(seqno) => return Ok(seqno),
                ControlFlow::Continue(next) => at = next,
            }
        }
    }

    fn purge_seqno(&self) -> Seqno {
        self.purge
    }

    fn remaining_estimate(&self) -> u64 {
        self.left_max.min(self.end.get().saturating_sub(self.read_to.get()))
    }

    fn leave_out_values(&mut self, needs_value: fn(&[u8]) -> bool) {
        self.needs_value = needs_value;
    }

    fn next(&mut self, mut budget: SliceBudget, out: &mut Vec<Record>) -> Result<Slice> {
        let Some(pin) = self.pin else {
            return Ok(Slice { read_to: self.end, more: false });
        };
        let shown_before = out.len();
        loop {
            let read = lock(self.vbucket()).read(pin, &mut budget, PAGE, self.needs_value, out);
            self.read_to = read.map_err(|_| scan_ended(self.vb))?;
            let spent = budget.items == 0 || budget.bytes == 0;
            let more = self.read_to < self.end;
            if !more || (spent && out.len() > shown_before) {
                let shown = (out.len() - shown_before) as u64;
                self.left_max = self.left_max.saturating_sub(shown);
                return Ok(Slice { read_to: self.read_to, more });
            }
        }
    }
}

impl Drop for MemoryScan {
    fn drop(&mut self) {
        if let Some(pin) = self.pin {
            let mut from = self.end;
            while lock(self.vbucket()).release(pin, &mut from, PAGE) {}
        }
    }
}

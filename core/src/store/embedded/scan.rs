//! A scan: a pin in its vbucket, and one short snapshot of the database for each slice.

use super::database::{by_seqno, pair, reading};
use super::keys::{Gen, seqno_of};
use super::values::{Version, decode_superseded};
use super::vbucket::lock;
use super::writer::Core;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Slab;
use crate::store::checks::scan_ended;
use crate::store::contract::{Record, Scan, Slice, SliceBudget};
use crate::store::pins::{Gone, Pin};
use crate::types::{Seqno, VbId};
use fjall::Snapshot;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// An open scan; dropping it lets the versions go that it kept.
pub(super) struct EmbeddedScan {
    core: Arc<Core>,
    vb: VbId,
    generation: Gen,
    start: Seqno,
    end: Seqno,
    last: Seqno,
    purge: Seqno,
    /// None if there is nothing to read.
    pin: Option<Pin>,
    read_to: Seqno,
    /// How many versions there were to show, at most, less those shown.
    left_max: u64,
    /// Records of other keys are shown without their values.
    needs_value: fn(&[u8]) -> bool,
}

impl EmbeddedScan {
    /// Opens a scan.
    pub(super) fn open(core: Arc<Core>, vb: VbId, range: RangeInclusive<Seqno>) -> Result<Self> {
        count_in(&core)?;
        let mut scan = Self {
            core,
            vb,
            generation: Gen(0),
            start: *range.start(),
            end: Seqno::ZERO,
            last: Seqno::ZERO,
            purge: Seqno::ZERO,
            pin: None,
            read_to: Seqno(range.start().get().saturating_sub(1)),
            left_max: 0,
            needs_value: |_| true,
        };
        let core = Arc::clone(&scan.core);
        let mut vbucket = core.slot(vb)?.settled()?;
        let kept = vbucket.kept;
        scan.generation = kept.generation;
        scan.end = kept.high.min(*range.end());
        scan.purge = kept.purge;
        scan.left_max = kept.keys + kept.superseded;
        if scan.read_to < scan.end {
            // While the vbucket is locked no write of it begins, and none is under way: what this pin keeps, and
            // what the snapshot below shows, is the state at `kept.high`.
            scan.pin = Some(vbucket.pins.open(scan.read_to, scan.end));
            let snapshot = core.database.snapshot();
            drop(vbucket);
            scan.last = scan.last_shown(&snapshot, kept.last, kept.superseded > 0)?;
        }
        Ok(scan)
    }

    fn last_shown(&self, snapshot: &Snapshot, last: Seqno, superseded: bool) -> Result<Seqno> {
        if last <= self.end {
            return Ok(if last > self.read_to { last } else { Seqno::ZERO });
        }
        self.last_of(snapshot, superseded, |_, _| Ok(true))
    }

    /// The last record that it shows and that `is_it` takes, by its key and value in the database.
    fn last_of(
        &self,
        snapshot: &Snapshot,
        superseded: bool,
        is_it: impl Fn(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<Seqno> {
        let (seq, range) = (&self.core.database.seq, self.read_to.next()..=self.end);
        let sup = if superseded { Some(self.superseded(snapshot, range.clone())) } else { None };
        let mut skipped = sup.into_iter().flatten().rev().peekable();
        for guard in by_seqno(snapshot, seq, self.vb, self.generation, range).rev() {
            let (key, stored) = pair(guard, &reading(self.vb))?;
            let seqno = seqno_of(&key)?;
            while skipped.next_if(|entry| matches!(entry, Ok((old, _)) if *old > seqno)).is_some() {
            }
            match skipped.peek() {
                Some(Err(_)) => break,
                Some(&Ok((old, new))) if old == seqno && new <= self.end => {}
                _ if is_it(&key, &stored)? => return Ok(seqno),
                _ => {}
            }
        }
        skipped.find_map(Result::err).map_or(Ok(Seqno::ZERO), Err)
    }

    /// Replaced versions in a range, each with what took its place.
    fn superseded(
        &self,
        snapshot: &Snapshot,
        range: RangeInclusive<Seqno>,
    ) -> impl DoubleEndedIterator<Item = Result<(Seqno, Seqno)>> + use<> {
        let (vb, sup) = (self.vb, &self.core.database.sup);
        by_seqno(snapshot, sup, vb, self.generation, range).map(move |guard| {
            let (key, value) = pair(guard, &reading(vb))?;
            Ok((seqno_of(&key)?, decode_superseded(&key, &value)?))
        })
    }

    /// Appends records from a snapshot until the budget is spent. Returns how far it has read.
    fn read(
        &mut self,
        snapshot: &Snapshot,
        superseded: bool,
        budget: SliceBudget,
        out: &mut Vec<Record>,
    ) -> Result<Seqno> {
        let range = self.read_to.next()..=self.end;
        let sup = if superseded { Some(self.superseded(snapshot, range.clone())) } else { None };
        let mut skipped = sup.into_iter().flatten().peekable();
        let (mut bytes, mut items, mut slab) = (0, 0, Slab::default());
        let seq = &self.core.database.seq;
        let what = reading(self.vb);
        let mut read_to = self.end;
        for guard in by_seqno(snapshot, seq, self.vb, self.generation, range) {
            let (db_key, stored) = pair(guard, &what)?;
            let seqno = seqno_of(&db_key)?;
            if superseded && self.is_skipped(&mut skipped, seqno)? {
                continue;
            }
            let mut version = Version::parse(&db_key, &stored)?;
            if !(self.needs_value)(version.key) {
                version.value = &[];
            }
            let record = version.bytes();
            if !slab.has_room(record) {
                let wanted = record.saturating_mul(budget.items.saturating_sub(items));
                let fresh = Slab::with_capacity(wanted.min(SLAB_BYTES).max(record));
                std::mem::replace(&mut slab, fresh).cut(out);
            }
            slab.put(version.meta, version.key, version.value);
            (bytes, items) = (bytes + record, items + 1);
            if bytes >= budget.bytes || items >= budget.items {
                read_to = seqno;
                break;
            }
        }
        slab.cut(out);
        Ok(read_to)
    }

    /// Whether a newer version that the scan shows took the place of this one.
    fn is_skipped(
        &self,
        skipped: &mut std::iter::Peekable<impl Iterator<Item = Result<(Seqno, Seqno)>>>,
        seqno: Seqno,
    ) -> Result<bool> {
        loop {
            match skipped.peek() {
                Some(&Ok((old, _))) if old < seqno => {
                    skipped.next();
                }
                Some(&Ok((old, new))) => return Ok(old == seqno && new <= self.end),
                Some(Err(_)) => {
                    skipped.next().transpose()?;
                }
                None => return Ok(false),
            }
        }
    }

    fn gone(&self, gone: Gone) -> Error {
        match gone {
            Gone::Ended => scan_ended(self.vb),
            Gone::Evicted => {
                let (vb, most) = (self.vb, self.core.options.superseded_max);
                let what = format!("the scans of vb {vb} keep more than {most} replaced versions");
                Error::new(ErrorKind::Retry, what)
            }
        }
    }
}

impl Scan for EmbeddedScan {
    fn range(&self) -> RangeInclusive<Seqno> {
        self.start..=self.end
    }

    fn last(&self) -> Seqno {
        self.last
    }

    fn last_whose_key(&mut self, shows: fn(&[u8]) -> bool) -> Result<Seqno> {
        let Some(pin) = self.pin else { return Ok(Seqno::ZERO) };
        let vbucket = self.core.slot(self.vb)?.sound()?;
        vbucket.pins.read_to(pin).map_err(|gone| self.gone(gone))?;
        let superseded = vbucket.kept.superseded > 0;
        drop(vbucket);
        let found = self.last_of(&self.core.database.snapshot(), superseded, |key, stored| {
            Ok(shows(Version::parse(key, stored)?.key))
        })?;
        // What it looked at was all there if its versions are kept still.
        let vbucket = self.core.slot(self.vb)?.lock();
        vbucket.pins.read_to(pin).map_err(|gone| self.gone(gone))?;
        Ok(found)
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

    fn next(&mut self, budget: SliceBudget, out: &mut Vec<Record>) -> Result<Slice> {
        let Some(pin) = self.pin else {
            return Ok(Slice { read_to: self.end, more: false });
        };
        let core = Arc::clone(&self.core);
        let slot = core.slot(self.vb)?;
        let vbucket = slot.sound()?;
        self.read_to = vbucket.pins.read_to(pin).map_err(|gone| self.gone(gone))?;
        // Versions that this scan skips were replaced before it was opened, so what is replaced from here on, or
        // being replaced right now, does not matter.
        let superseded = vbucket.kept.superseded > 0;
        drop(vbucket);
        let shown_before = out.len();
        let read = match self.read_to < self.end {
            true => self.read(&core.database.snapshot(), superseded, budget, out),
            false => Ok(self.end),
        };
        let mut vbucket = slot.lock();
        let kept = vbucket.pins.read_to(pin).map_err(|gone| self.gone(gone));
        match kept.and(read) {
            Ok(read_to) => {
                vbucket.pins.advance(pin, read_to);
                self.read_to = read_to;
                self.left_max = self.left_max.saturating_sub((out.len() - shown_before) as u64);
                Ok(Slice { read_to, more: read_to < self.end })
            }
            Err(e) => {
                out.truncate(shown_before);
                Err(e)
            }
        }
    }
}

impl Drop for EmbeddedScan {
    fn drop(&mut self) {
        *lock(&self.core.scans_open) -= 1;
        let (Some(pin), Ok(slot)) = (self.pin, self.core.slot(self.vb)) else {
            return;
        };
        let mut vbucket = slot.lock();
        if vbucket.pins.close(pin).is_some() && vbucket.kept.superseded > 0 {
            lock(&self.core.sweep).insert(self.vb);
        }
    }
}

/// Records of a slice are cut from buffers of this size, so that no record holds on to more than one of it.
const SLAB_BYTES: usize = 64 << 10;

fn count_in(core: &Core) -> Result<()> {
    let mut open = lock(&core.scans_open);
    let most = core.options.scans_max;
    if *open >= most {
        return Err(Error::new(ErrorKind::Retry, format!("{most} scans are open already")));
    }
    *open += 1;
    Ok(())
}

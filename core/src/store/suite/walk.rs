//! One random sequence of operations.

use super::check::{Broken, Maker, Step, ensure};
use super::dice::Dice;
use super::model::Model;
use super::open_scan::{OpenScan, odd};
use super::random::Tally;
use super::sample::{doc, history_of, keys_of, log, tombstone};
use crate::store::{Batch, Durability, Persisted, Record, SliceBudget, Start, Store, VbBatch};
use crate::types::{Seqno, VbId, VbState};

const VBUCKETS: u64 = 3;
const KEYS: u64 = 10;

/// One sequence under way.
pub(super) struct Walk<'a> {
    maker: &'a mut dyn Maker,
    tally: &'a mut Tally,
    steps: &'a mut Vec<String>,
    durable: bool,
    dice: Dice,
    scans: Vec<OpenScan>,
    models: Vec<Model>,
    window: u64,
    /// The windows of runs before this one, if nothing was ever committed.
    carried: u64,
    /// After its scans, so that these are dropped first.
    store: Option<Box<dyn Store>>,
}

impl<'a> Walk<'a> {
    pub(super) fn begin(
        maker: &'a mut dyn Maker,
        seed: u64,
        durable: bool,
        tally: &'a mut Tally,
        steps: &'a mut Vec<String>,
    ) -> Step<Self> {
        let store = maker.make(VBUCKETS as u32)?;
        store.begin(seed)?;
        Ok(Self {
            maker,
            tally,
            steps,
            durable,
            dice: Dice::new(seed),
            scans: Vec::new(),
            models: (0..VBUCKETS).map(|_| Model::default()).collect(),
            window: seed,
            carried: 0,
            store: Some(store),
        })
    }

    pub(super) fn go(&mut self, steps: u64) -> Step {
        for n in 1..=steps {
            self.step()?;
            self.tally.steps += 1;
            if n % 12 == 0 {
                self.compare()?;
            }
        }
        while let Some(scan) = self.scans.len().checked_sub(1) {
            self.finish(scan)?;
        }
        self.compare()
    }

    fn step(&mut self) -> Step {
        match self.dice.below(100) {
            0..45 => self.commit(),
            45..55 => self.open_scan(),
            55..70 => self.read_slice(),
            70..75 => self.finish_some_scan(),
            75..81 => self.get(),
            81..87 => self.maintain(),
            87..92 => self.purge(),
            92..96 => self.roll_back(),
            96..97 => self.reset(),
            _ => self.reopen(),
        }
    }

    fn store(&self) -> Step<&dyn Store> {
        self.store.as_deref().ok_or_else(|| Broken("there is no store".to_owned()))
    }

    fn any_vb(&mut self) -> usize {
        self.dice.below(VBUCKETS) as usize
    }

    fn commit(&mut self) -> Step {
        let mut batch = Batch::default();
        for vb in 0..VBUCKETS as usize {
            if self.dice.chance(50) {
                batch.vbs.push(self.part(vb));
            }
        }
        let durability = match self.dice.chance(10) {
            true => Durability::Synced,
            false => Durability::Buffered,
        };
        let told: Vec<_> = batch.vbs.iter().map(told).collect();
        self.note("commit", &told);
        self.store()?.commit(&batch, durability)?;
        self.tally.commits += 1;
        for part in &batch.vbs {
            self.tally.records += part.records.len() as u64;
            self.models[usize::from(part.vb.get())].commit(part);
            let floor = self.store()?.rollback_floor(part.vb)?;
            let told = !part.replaced_within || floor >= part.high;
            ensure!(
                told,
                "{floor} is the floor after a batch up to {} that is not whole",
                part.high
            );
        }
        Ok(())
    }

    fn part(&mut self, vb: usize) -> VbBatch {
        let mut seqno = self.models[vb].high().get();
        let mut records: Vec<Record> = Vec::new();
        let mut replaced_within = false;
        for _ in 0..self.dice.below(6) {
            seqno += self.dice.between(1, 3);
            let key = format!("k{}", self.dice.below(KEYS));
            if records.iter().any(|record| record.key == key) {
                replaced_within = true;
                continue;
            }
            records.push(match self.dice.chance(30) {
                true => tombstone(seqno, &key, self.dice.below(100) as u32),
                false => doc(seqno, &key, &"v".repeat(self.dice.below(60) as usize)),
            });
        }
        let settled = records.last().map_or(self.models[vb].high(), |record| record.meta.seqno);
        let high = Seqno(settled.get() + if self.dice.chance(20) { self.dice.below(4) } else { 0 });
        let states = [VbState::Active, VbState::Replica, VbState::Pending, VbState::Dead];
        let state = self.dice.chance(10).then(|| states[self.dice.below(4) as usize]);
        let branch = self.dice.between(1, 1 << 40);
        let failover = self.dice.chance(10).then(|| log(&[(branch, high.get()), (1, 0)]));
        VbBatch { vb: VbId(vb as u16), records, high, replaced_within, state, failover }
    }

    fn open_scan(&mut self) -> Step {
        let vb = self.any_vb();
        let high = self.models[vb].high().get();
        let start = if self.dice.chance(60) { 0 } else { self.dice.below(high + 3) };
        let end = if self.dice.chance(70) { u64::MAX } else { self.dice.below(high + 3) };
        self.note("scan", &(vb, start, end));
        let mut scan = self.store()?.scan(VbId(vb as u16), Seqno(start)..=Seqno(end))?;
        let last_odd = scan.last_whose_key(odd)?;
        let range = Seqno(start)..=Seqno(end.min(high));
        ensure!(scan.range() == range, "a scan of {range:?} says {:?}", scan.range());
        let purge = self.models[vb].purge_seqno();
        ensure!(scan.purge_seqno() == purge, "it tells {}, not {purge}", scan.purge_seqno());
        let expected = self.models[vb].expected(&range);
        let read_to = Seqno(start.saturating_sub(1));
        self.scans.push(OpenScan {
            scan,
            vb,
            expected,
            last_odd,
            shown: Vec::new(),
            read_to,
            ended: false,
        });
        self.tally.scans += 1;
        Ok(())
    }

    fn read_slice(&mut self) -> Step {
        if self.scans.is_empty() {
            return Ok(());
        }
        let n = self.dice.below(self.scans.len() as u64) as usize;
        let items = self.dice.between(1, 5) as usize;
        let bytes = self.dice.between(1, 200) as usize;
        self.note("slice", &(n, items, bytes));
        self.tally.slices += 1;
        if !self.scans[n].read(SliceBudget { bytes, items })? {
            return self.finish(n);
        }
        Ok(())
    }

    fn finish_some_scan(&mut self) -> Step {
        if self.scans.is_empty() {
            return Ok(());
        }
        let n = self.dice.below(self.scans.len() as u64) as usize;
        if self.dice.chance(50) {
            self.note("drop", &n);
            self.scans.swap_remove(n);
            return Ok(());
        }
        self.note("finish", &n);
        self.finish(n)
    }

    /// Reads a scan to its end and drops it.
    fn finish(&mut self, n: usize) -> Step {
        let mut open = self.scans.swap_remove(n);
        while open.read(SliceBudget { bytes: 500, items: 7 })? {
            self.tally.slices += 1;
        }
        match open.ended {
            true => self.tally.scans_ended += 1,
            false => self.tally.scans_finished += 1,
        }
        open.check()
    }

    fn get(&mut self) -> Step {
        let (vb, key) = (self.any_vb(), format!("k{}", self.dice.below(KEYS)));
        let newest = self.models[vb].newest();
        let found = self.store()?.get(VbId(vb as u16), key.as_bytes())?;
        let want = newest.get(key.as_bytes());
        ensure!(found.as_ref() == want, "{key} of vb {vb} is {found:?}, not {want:?}");
        Ok(())
    }

    fn maintain(&mut self) -> Step {
        let limit = self.dice.between(1, 8) as usize;
        self.note("maintain", &limit);
        self.store()?.maintain(limit)?;
        Ok(())
    }

    fn purge(&mut self) -> Step {
        let (vb, before) = (self.any_vb(), self.dice.below(120) as u32);
        let limit = self.dice.between(0, 4) as usize;
        self.note("purge", &(vb, before, limit));
        let candidates = self.models[vb].purgeable(before);
        let purged = self.store()?.purge(VbId(vb as u16), before, limit)?;
        let left = keys_of(self.store()?, VbId(vb as u16))?;
        let is_left = |seqno: &Seqno| left.iter().any(|(_, meta)| meta.seqno == *seqno);
        let gone: Vec<Seqno> = candidates.iter().copied().filter(|s| !is_left(s)).collect();
        let said = gone.len() == purged && purged <= limit;
        ensure!(said, "{purged} of {candidates:?} were purged, it says, but {gone:?} are gone");
        let mut here = self.scans.iter().filter(|open| open.vb == vb && !open.ended);
        if !here.any(|_| true) {
            let want = &candidates[..limit.min(candidates.len())];
            ensure!(gone == want, "{gone:?} were purged, not {want:?}");
        }
        let shows = |open: &OpenScan, s: &Seqno| open.vb == vb && !open.ended && open.needs(*s);
        let taken = gone.iter().find(|s| self.scans.iter().any(|open| shows(open, s)));
        ensure!(taken.is_none(), "{taken:?} was purged, but a scan has yet to show it");
        self.models[vb].purge(&gone);
        self.tally.purged += purged as u64;
        Ok(())
    }

    fn roll_back(&mut self) -> Step {
        let vb = self.any_vb();
        let high = self.models[vb].high();
        let to = Seqno(high.get().saturating_sub(self.dice.below(12)));
        let branch = self.dice.between(1, 1 << 40);
        let wanted = log(&[(branch, 0), (2, to.get() / 2), (1, 0)]);
        let floor = self.store()?.rollback_floor(VbId(vb as u16))?;
        let reached = self.store()?.rollback(VbId(vb as u16), to, &wanted)?;
        self.note("rollback", &(vb, to.get(), reached.get()));
        ensure!(reached <= to, "a rollback to {to} came to {reached}");
        let exact = reached == to || reached.get() == 0 && to < floor;
        ensure!(exact, "a rollback to {to} came to {reached}, though its floor is {floor}");
        let told = reached.get() == 0 || to >= floor;
        ensure!(told, "a rollback came to {reached}, though its floor is {floor}");
        match reached == to {
            true => self.tally.rollbacks_exact += 1,
            false => self.tally.rollbacks_further += 1,
        }
        self.models[vb].roll_back(reached, &wanted);
        self.end_scans(vb);
        self.compare_vb(vb)
    }

    fn reset(&mut self) -> Step {
        let vb = self.any_vb();
        self.note("reset", &vb);
        self.store()?.reset(VbId(vb as u16))?;
        self.tally.resets += 1;
        self.models[vb].reset();
        self.end_scans(vb);
        self.compare_vb(vb)
    }

    fn end_scans(&mut self, vb: usize) {
        let here = self.scans.iter_mut().filter(|open| open.vb == vb);
        here.for_each(|open| open.ended = true);
    }

    fn reopen(&mut self) -> Step {
        if !self.durable {
            return Ok(());
        }
        let close = self.dice.chance(50);
        self.note("reopen", &close);
        self.scans.clear();
        if close {
            self.store()?.close()?;
        }
        let reopened = self.store.take().and_then(|store| self.maker.reopen(store));
        let store = reopened.ok_or_else(|| Broken("nothing was left behind".to_owned()))??;
        let window = self.dice.roll();
        let start = store.begin(window)?;
        let want = Start { clean: close, window_before: self.window };
        // Runs before the first commit may be told as one with the run that makes it.
        let as_one = self.window.saturating_add(self.carried).max(1);
        let fits = (want.window_before..=as_one).contains(&start.window_before);
        ensure!(fits && start.clean == close, "it starts with {start:?}, not {want:?}");
        let blank = |model: &Model| model.persisted() == Persisted::default();
        self.carried = if self.models.iter().all(blank) { as_one } else { 0 };
        (self.store, self.window) = (Some(store), window);
        self.tally.reopened += 1;
        self.compare()
    }

    fn compare(&mut self) -> Step {
        (0..VBUCKETS as usize).try_for_each(|vb| self.compare_vb(vb))?;
        self.tally.compared += 1;
        Ok(())
    }

    fn compare_vb(&self, vb: usize) -> Step {
        let (store, model, id) = (self.store()?, &self.models[vb], VbId(vb as u16));
        let (kept, want) = (store.load(id)?, model.persisted());
        ensure!(kept == want, "of vb {vb} {kept:?} is kept, not {want:?}");
        let newest = model.newest();
        let keys = keys_of(store, id)?;
        let want: Vec<_> = newest.iter().map(|(key, r)| (key.to_vec(), r.meta)).collect();
        ensure!(keys == want, "vb {vb} has the keys {keys:?}, not {want:?}");
        let shown = history_of(store, id)?;
        let mut want: Vec<Record> = newest.into_values().collect();
        want.sort_by_key(|record| record.meta.seqno);
        ensure!(shown == want, "vb {vb} shows {shown:?}, not {want:?}");
        Ok(())
    }

    fn note(&mut self, what: &str, how: &dyn std::fmt::Debug) {
        self.steps.push(format!("{what} {how:?}"));
    }
}

fn told(part: &VbBatch) -> (u16, Vec<(u64, String)>, u64) {
    let records = part.records.iter();
    let records = records.map(|record| {
        let mark = if record.meta.kind.is_alive() { "" } else { "-" };
        (record.meta.seqno.get(), format!("{mark}{}", String::from_utf8_lossy(&record.key)))
    });
    (part.vb.get(), records.collect(), part.high.get())
}

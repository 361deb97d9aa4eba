//! The store as its callers see it.

use super::blame::named;
use super::database::{Database, pair, reading};
use super::faults::{fault, no_panic};
use super::folder::{DB, Folder, kept_in};
use super::head::Run;
use super::keys::{COUNTERS_PREFIX, damaged, failover_key};
use super::options::EmbeddedOptions;
use super::salvage::{KEPT, Salvage};
use super::scan::EmbeddedScan;
use super::synced::Synced;
use super::values::{decode_counters, decode_failover};
use super::vbucket::{Slot, Vbucket};
use super::writer::{Core, Dead, Writer};
use crate::error::{Error, Result};
use crate::store::checks::misuse;
use crate::store::contract::{
    Batch, Durability, Persisted, PurgeCut, PurgePage, Record, Scan, Start, Store,
};
use crate::types::{DocMeta, FailoverEntry, Seqno, VbId};
use fjall::Readable;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A [`Store`] in a folder of its own.
///
/// One process at a time may have the folder open; it stays locked until the store and all its scans are dropped.
/// A new store is made while it is in use already: what needs its database waits for it.
/// A vbucket that lost something which was synced, or whose state cannot be read, answers every call with
/// [`Corrupt`](crate::ErrorKind::Corrupt) until it is [`reset`](Store::reset); the others go on.
///
/// # Not promised
/// A version is found damaged when it is read, not before. After a failed write, nothing more is written until the
/// store is opened again.
pub struct EmbeddedStore {
    pub(super) core: Arc<Core>,
}

impl EmbeddedStore {
    /// Opens the store in `dir`, and makes it if there is none.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if it is in use or cannot be read or written now;
    /// [`Misuse`](crate::ErrorKind::Misuse) if `dir` was made for another number of vbuckets, has another layout,
    /// or belongs to something else, or if an option is out of bounds; [`Corrupt`](crate::ErrorKind::Corrupt) if it
    /// is damaged.
    pub fn open(dir: &Path, options: EmbeddedOptions) -> Result<Self> {
        let folder = Folder::open(dir, &options)?;
        let core = no_panic("cannot load the store", || load(folder, options));
        let core = core.map_err(|e| {
            let e = named(&dir.join(DB), e);
            let kind = e.kind();
            Error::new(kind, format!("the store in {} cannot be opened", dir.display())).because(e)
        })?;
        Ok(Self { core: Arc::new(core) })
    }

    /// What is behind it, once its database is open.
    fn core(&self) -> Result<&Arc<Core>> {
        self.core.database.wait()?;
        Ok(&self.core)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.core.path
    }

    /// Writes everything that is only in the journal into tables.
    #[cfg(test)]
    pub(super) fn flush(&self) -> Result<()> {
        self.core()?.database.flush()
    }
}

impl Store for EmbeddedStore {
    fn vbuckets(&self) -> u32 {
        self.core.options.vbuckets
    }

    fn identity(&self) -> Option<u128> {
        Some(self.core.identity)
    }

    fn begin(&self, window: u64) -> Result<Start> {
        let mut writer = super::vbucket::lock(&self.core.writer);
        if writer.begun {
            return Err(misuse("`begin` was called twice".to_owned()));
        }
        let start = match writer.run_before {
            Run::Making { window } => Start { clean: window == 0, window_before: window },
            Run::Closed { window } => Start { clean: true, window_before: window },
            Run::Open { window } => Start { clean: false, window_before: window },
        };
        if let Run::Making { window: before } = writer.run_before {
            // Seqnos of this run begin above those of the attempts before, none of which left anything behind.
            // Not 0: it is what tells a run from none.
            writer.window = before.saturating_add(window).max(1);
            let window = writer.window;
            writer.head.record(Run::Making { window })?;
        } else {
            writer.head.record(Run::Open { window })?;
            writer.window = window;
        }
        writer.begun = true;
        Ok(start)
    }

    fn load(&self, vb: VbId) -> Result<Persisted> {
        if !self.is_ready() {
            // Nothing was ever written.
            return Ok(self.core.slot(vb)?.lock().persisted());
        }
        let core = self.core()?;
        no_panic("cannot load a vbucket", || core.load(vb))
    }

    fn keys(&self, vb: VbId, each: &mut dyn FnMut(&[u8], &DocMeta)) -> Result<()> {
        self.core()?.keys(vb, each)
    }

    fn get(&self, vb: VbId, key: &[u8]) -> Result<Option<Record>> {
        no_panic("cannot get a document", || self.core()?.get(vb, key))
    }

    fn commit(&self, batch: &Batch, durability: Durability) -> Result<()> {
        no_panic("cannot commit", || self.core()?.commit(batch, durability))
    }

    fn scan(&self, vb: VbId, range: RangeInclusive<Seqno>) -> Result<Box<dyn Scan>> {
        let core = Arc::clone(self.core()?);
        no_panic("cannot open a scan", || Ok(Box::new(EmbeddedScan::open(core, vb, range)?) as _))
    }

    fn rollback(&self, vb: VbId, to: Seqno, failover: &[FailoverEntry]) -> Result<Seqno> {
        no_panic("cannot roll back", || self.core()?.rollback(vb, to, failover))
    }

    fn rollback_floor(&self, vb: VbId) -> Result<Seqno> {
        no_panic("cannot tell how far back it goes", || self.core()?.rollback_floor(vb))
    }

    fn purge_page(
        &self,
        vb: VbId,
        cut: PurgeCut,
        select: &mut dyn FnMut(&[u8], &DocMeta) -> bool,
    ) -> Result<PurgePage> {
        no_panic("cannot purge", || self.core()?.purge(vb, cut, select))
    }

    fn reset(&self, vb: VbId) -> Result<()> {
        no_panic("cannot reset a vbucket", || self.core()?.reset(vb))
    }

    fn maintain(&self, limit: usize) -> Result<bool> {
        no_panic("cannot clean up", || self.core()?.maintain(limit))
    }

    fn is_ready(&self) -> bool {
        self.core.database.is_done()
    }

    fn disk_bytes(&self) -> u64 {
        if self.is_ready() { self.core().map_or(0, |core| core.database.disk_bytes()) } else { 0 }
    }

    fn close(&self) -> Result<()> {
        let mut writer = self.core()?.writer()?;
        writer.closed = true;
        self.core.sync(&mut writer)?;
        writer.synced.sync()?;
        let window = writer.window;
        writer.head.record(Run::Closed { window })
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").field("path", &self.core.path).finish_non_exhaustive()
    }
}

/// Gives the copies of the journals up if everything is there; else keeps them, and has whatever is told of the
/// damage say where.
fn settle(
    salvage: Option<Salvage>,
    path: &Path,
    looked: Result<Found>,
    vbuckets: &mut [Vbucket],
) -> Result<Found> {
    let whole = looked.is_ok() && vbuckets.iter().all(|vbucket| vbucket.damage.is_none());
    let kept = match salvage {
        Some(salvage) if whole => {
            salvage.discard();
            return looked;
        }
        Some(salvage) => salvage.keep(path),
        None if whole => return looked,
        None => path.join(KEPT),
    };
    if !kept.exists() {
        return looked;
    }
    for damage in vbuckets.iter_mut().filter_map(|vbucket| vbucket.damage.as_mut()) {
        damage.push_str(&format!("; the journals are kept in {} as they were", kept.display()));
    }
    looked.map_err(|e| kept_in(&kept, e))
}

fn load(folder: Folder, options: EmbeddedOptions) -> Result<Core> {
    let Folder { path, database, head, synced, run, lock, salvage } = folder;
    let mut vbuckets: Vec<Vbucket> = Vec::new();
    vbuckets.resize_with(options.vbuckets as usize, Vbucket::default);
    let making = matches!(run, Run::Making { .. });
    let mut found = Found::default();
    if !making {
        let looked = look(&database, &synced, &options, &mut vbuckets);
        found = settle(salvage, &path, looked, &mut vbuckets)?;
    }
    let identity = head.identity();
    let writer = Writer {
        head,
        synced,
        run_before: run,
        window: 0,
        making,
        begun: false,
        closed: false,
        commit: found.commit,
        unsynced: BTreeSet::new(),
        dead: found.dead,
        swept: None,
        broken: false,
    };
    Ok(Core {
        path,
        options,
        identity,
        database,
        slots: vbuckets.into_iter().map(Slot::new).collect(),
        writer: Mutex::new(writer),
        sweep: Mutex::new(found.sweep),
        scans_open: Mutex::new(0),
        _lock: lock,
    })
}

/// What a database holds besides its vbuckets' documents and counters.
#[derive(Default)]
struct Found {
    commit: u64,
    dead: VecDeque<Dead>,
    sweep: BTreeSet<VbId>,
}

/// Reads what the database knows of the vbuckets.
fn look(
    database: &Database,
    synced: &Synced,
    options: &EmbeddedOptions,
    vbuckets: &mut [Vbucket],
) -> Result<Found> {
    let commit = database.last_commit()?;
    let snapshot = database.snapshot();
    for guard in snapshot.prefix(&database.meta, COUNTERS_PREFIX) {
        let (key, value) = pair(guard, "cannot read the counters")?;
        let (vb, kept) = decode_counters(&key, &value)?;
        let most = options.vbuckets;
        let vbucket = vbuckets
            .get_mut(usize::from(vb.get()))
            .ok_or_else(|| damaged(format!("it holds vb {vb}, but has {most} vbuckets")))?;
        vbucket.kept = kept;
    }
    let mut sweep = BTreeSet::new();
    for (vb, vbucket) in (0..=u16::MAX).map(VbId).zip(vbuckets) {
        vbucket.check_promise(vb, &synced.promise(vb));
        if vbucket.kept.failover_entries > 0 {
            vbucket.failover = load_failover(database, vb, vbucket.kept.failover_entries)?;
        }
        if vbucket.kept.superseded > 0 && vbucket.damage.is_none() {
            sweep.insert(vb);
        }
    }
    let dead = database.dead()?;
    let dead = dead.into_iter().map(|(vb, generation)| Dead::new(vb, generation)).collect();
    Ok(Found { commit, dead, sweep })
}

fn load_failover(database: &Database, vb: VbId, entries: u8) -> Result<Vec<FailoverEntry>> {
    let stored = database.meta.get(failover_key(vb)).map_err(|e| fault(&reading(vb), e))?;
    let stored = stored.ok_or_else(|| damaged(format!("vb {vb}: its failover log is missing")))?;
    decode_failover(vb, entries, &stored)
}

//! The collections of one vbucket. Promise: no document of a collection follows the collection's drop event.
//!
//! # State
//!
//! | word | meaning |
//! |---|---|
//! | `closing` | the collection is being dropped: whoever takes a seqno from now on gives it back |
//! | `high` | the seqno of its last document |
//! | `alive` | its live documents |
//! | `max_ttl`, `changed` | how long its documents live at most, and the manifest that said so last |
//!
//! # Invariants
//! - I1. A document's seqno is below its collection's drop event's (model `collection::drop_vs_write`): a writer takes
//!   its seqno and then looks at `closing`; who drops sets `closing` and then takes the event's seqno. Both go through
//!   the allocator's one word.
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `is_closing`, `note`, `high` | any writer or reader | everything | wait-free |
//! | `close`, `reopen`, `change` | who has the turn to tell of the manifest | everything | wait-free |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | C1 | `closing`: set before, read after a seqno is taken | Release / Acquire | itself, through T1 of the allocator | nothing while T1 orders both; the pair says what is meant | `collection::drop_vs_write` |
//! | C3 | `max_ttl`, `changed` | Relaxed | none | nothing: a writer may give a document the older time a moment longer; `changed` is read by who writes it | none |
//! | C2 | `high`, `alive` | Relaxed | none | nothing: a bound for a request that follows the write's answer, and a statistic | none |
//!
//! # Reclamation
//! Tables are published cells; an entry goes with the last table that has it.
//!
//! # Not promised
//! That a collection of the manifest is here already.

use crate::types::{CollectionId, ScopeId, Seqno};
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// A collection in one vbucket.
#[derive(Debug)]
pub(crate) struct VbCollection {
    pub(crate) id: CollectionId,
    pub(crate) scope: ScopeId,
    max_ttl: AtomicU32,
    changed: AtomicU32,
    /// Its create event; 0 for the default collection, which has none.
    pub(crate) start: Seqno,
    closing: AtomicBool,
    high: AtomicU64,
    alive: AtomicU64,
}

impl VbCollection {
    pub(crate) fn new(id: CollectionId, scope: ScopeId, max_ttl: u32, start: Seqno) -> Self {
        Self {
            id,
            scope,
            max_ttl: AtomicU32::new(max_ttl),
            changed: AtomicU32::new(0),
            start,
            closing: AtomicBool::new(false),
            high: AtomicU64::new(start.0),
            alive: AtomicU64::new(0),
        }
    }

    /// The same, with what only the manifest knows; before it is shared.
    pub(crate) fn named(&self, scope: ScopeId, max_ttl: u32) -> Arc<Self> {
        let named = Self::new(self.id, scope, max_ttl, self.start);
        named.change(max_ttl, self.changed());
        // C2 Relaxed: nobody else has it yet.
        named.high.store(self.high().0, Ordering::Relaxed);
        // C2 Relaxed: nobody else has it yet.
        named.alive.store(self.alive(), Ordering::Relaxed);
        Arc::new(named)
    }

    /// How long its documents live at most, in seconds; 0: as long as they say.
    pub(crate) fn max_ttl(&self) -> u32 {
        // C3 Relaxed: see the table.
        self.max_ttl.load(Ordering::Relaxed)
    }

    /// The low half of the uid of the manifest whose change of it this vbucket's history told last; 0: of none.
    pub(crate) fn changed(&self) -> u32 {
        // C3 Relaxed: see the table.
        self.changed.load(Ordering::Relaxed)
    }

    /// Takes a change over, and where it is from.
    pub(crate) fn change(&self, max_ttl: u32, manifest: u32) {
        // C3 Relaxed: see the table.
        self.max_ttl.store(max_ttl, Ordering::Relaxed);
        // C3 Relaxed: as above.
        self.changed.store(manifest, Ordering::Relaxed);
    }

    /// It is being dropped: before the drop event takes its seqno.
    pub(crate) fn close(&self) {
        // C1 Release: before the event's reservation; pairs with C1 in `is_closing`.
        self.closing.store(true, Ordering::Release);
    }

    /// It is not being dropped after all: its drop event could not be written.
    pub(crate) fn reopen(&self) {
        // C1 Release: who gave up its seqno because of the mark has done so; nobody relies on seeing this.
        self.closing.store(false, Ordering::Release);
    }

    /// Whether it is being dropped: asked by a writer that has its seqno.
    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        // C1 Acquire: after the reservation; pairs with C1 in `close`.
        self.closing.load(Ordering::Acquire)
    }

    /// A version was written: whether there was a live one before, and is now.
    pub(crate) fn note(&self, seqno: Seqno, before: bool, after: bool) {
        // C2 Relaxed: see the table.
        self.high.fetch_max(seqno.0, Ordering::Relaxed);
        match (before, after) {
            // C2 Relaxed: a statistic.
            (false, true) => self.alive.fetch_add(1, Ordering::Relaxed),
            // C2 Relaxed: a statistic.
            (true, false) => self.alive.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    /// The seqno of its last document, or of its create event.
    pub(crate) fn high(&self) -> Seqno {
        // C2 Relaxed: see the table.
        Seqno(self.high.load(Ordering::Relaxed))
    }

    /// Live documents.
    pub(crate) fn alive(&self) -> u64 {
        // C2 Relaxed: a statistic. Between a version and its count another writer may have counted its own, so that it
        // is below zero for a moment.
        (self.alive.load(Ordering::Relaxed) as i64).max(0) as u64
    }
}

/// The collections of one vbucket besides the default one, by rising id, and its scopes besides the default one.
#[derive(Clone, Debug, Default)]
pub(crate) struct CollectionTable {
    entries: Vec<Arc<VbCollection>>,
    scopes: Vec<ScopeId>,
}

impl CollectionTable {
    pub(crate) fn find(&self, id: CollectionId) -> Option<&Arc<VbCollection>> {
        let at = self.entries.binary_search_by_key(&id, |entry| entry.id).ok()?;
        self.entries.get(at)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<VbCollection>> {
        self.entries.iter()
    }

    pub(crate) fn scopes(&self) -> impl Iterator<Item = ScopeId> {
        self.scopes.iter().copied()
    }

    /// Whether its create event is in the history; the default scope has none and needs none.
    pub(crate) fn has_scope(&self, id: ScopeId) -> bool {
        id == ScopeId::ZERO || self.scopes.contains(&id)
    }

    /// With one more; `None` if it is there.
    pub(crate) fn with(&self, entry: Arc<VbCollection>) -> Option<Self> {
        let at = self.entries.binary_search_by_key(&entry.id, |known| known.id).err()?;
        let mut next = self.clone();
        next.entries.insert(at, entry);
        Some(next)
    }

    /// With one less; `None` if it is not there.
    pub(crate) fn without(&self, id: CollectionId) -> Option<Self> {
        self.find(id)?;
        let mut next = self.clone();
        next.entries.retain(|entry| entry.id != id);
        Some(next)
    }

    /// With one more scope; `None` if it is there.
    pub(crate) fn with_scope(&self, id: ScopeId) -> Option<Self> {
        if self.has_scope(id) {
            return None;
        }
        let mut next = self.clone();
        next.scopes.push(id);
        Some(next)
    }

    /// With one less scope; `None` if it is not there.
    pub(crate) fn without_scope(&self, id: ScopeId) -> Option<Self> {
        if !self.scopes.contains(&id) {
            return None;
        }
        let mut next = self.clone();
        next.scopes.retain(|scope| *scope != id);
        Some(next)
    }

    /// With other entries in the places of its own.
    pub(crate) fn map(&self, each: impl FnMut(&Arc<VbCollection>) -> Arc<VbCollection>) -> Self {
        Self { entries: self.entries.iter().map(each).collect(), scopes: self.scopes.clone() }
    }
}

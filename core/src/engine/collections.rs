//! Changes of the manifest: published first, then told in the history of each vbucket.
//!
//! A change is a row of short steps, each of which may be cut off by a crash; [`follow`] makes up for whatever is
//! missing in a vbucket, whenever it is called: by whoever changes the manifest, who may wait for memory, and by the
//! housekeeper, who waits for nobody and comes again (`catch_up.rs`).

use super::housekeeper::KEYS_AT_ONCE;
use super::parts::EngineParts;
use crate::collections::{
    Collection, CollectionTable, MANIFEST_KEY, Manifest, ManifestFault, SystemChange, SystemEvent,
    VbCollection, is_system, manifest_of,
};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MANIFEST_TIMEOUT;
use crate::partition::{
    Asked, Change, Decision, Found, History, Partition, Told, UpdateError, Written,
};
use crate::store::Store;
use crate::types::{CollectionId, DocMeta, ManifestUid, ScopeId, Seqno, VbId, VbState};
use core::ops::ControlFlow;
use millstream_reclaim::sync::workers::{Mutex, MutexGuard};
use millstream_reclaim::sync::{Arc, workers};
use millstream_reclaim::{Domain, Live, Pin, Reader};
use std::collections::BTreeMap;
use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

/// Whose turn it is to tell vbuckets of the manifest. Waited for by who changes it, and by nobody else.
#[derive(Debug, Default)]
pub(super) struct ManifestTurn(Mutex<()>);

impl ManifestTurn {
    pub(super) fn take(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn, unless somebody has it.
    pub(super) fn try_take(&self) -> Option<MutexGuard<'_, ()>> {
        match self.0.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// What becomes of a system document for which there is no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoMemory {
    /// Its writer waits, for a while.
    Wait,
    /// Its writer comes again.
    Leave,
}

impl EngineParts {
    /// The manifest now; never retired while the engine lives.
    pub(crate) fn manifest<'p>(&'p self, pin: &'p Pin<'_>) -> Live<'p, Manifest> {
        self.manifest.get(pin).expect("the manifest is replaced, never retired")
    }

    /// Changes the manifest, and returns once every active vbucket knows. Callers have their turns: a change waits for
    /// the one before it, and for memory, with nothing pinned.
    pub(super) fn change_manifest(
        &self,
        change: impl FnOnce(&Manifest) -> core::result::Result<Manifest, ManifestFault>,
    ) -> Result<Manifest> {
        let _turn = self.manifest_turn.take();
        gate!(HasManifestTurn);
        let mut reader = self.domain.borrow("manifest");
        let next = {
            // Begun before the look: the shutdown's last pin waits for it, so that what is replaced finds its reaper.
            let pin = reader.pin();
            if self.is_stopping() {
                return Err(Error::new(ErrorKind::Closed, "the engine is shut down"));
            }
            let next = change(&self.manifest(&pin)).map_err(|fault| {
                Error::new(ErrorKind::Misuse, "the manifest cannot change so").because(fault)
            })?;
            self.manifest.replace(next.clone(), &pin)?;
            next
        };
        let told = self.tell(&next, &mut reader);
        // Writers that were told to come again.
        self.commits.notify();
        match told {
            Ok(()) => Ok(next),
            Err(error) => {
                // It is the manifest all the same.
                self.partitions.iter().for_each(|partition| self.fall_behind(partition));
                Err(error)
            }
        }
    }

    /// Keeps the manifest, and has every active vbucket tell what is new in it.
    fn tell(&self, manifest: &Manifest, reader: &mut Reader) -> Result<()> {
        let now = self.clock.unix_seconds();
        self.keep(manifest, reader)?;
        let mut partitions = self.partitions.iter();
        partitions.try_for_each(|p| follow(p, manifest, now, NoMemory::Wait, reader))
    }

    /// Has a vbucket that went back to an earlier seqno tell of the manifest again, and the manifest kept as a whole
    /// again; by whoever has the turn.
    pub(super) fn tell_again(
        &self,
        partition: &Partition,
        _turn: &MutexGuard<'_, ()>,
    ) -> Result<()> {
        let mut reader = self.domain.borrow("manifest");
        let manifest = self.manifest(&reader.pin()).clone();
        let now = self.clock.unix_seconds();
        follow(partition, &manifest, now, NoMemory::Wait, &mut reader)?;
        self.keep(&manifest, &mut reader)
    }

    /// Keeps the manifest as a whole in the first vbucket that takes it.
    fn keep(&self, manifest: &Manifest, reader: &mut Reader) -> Result<()> {
        for partition in &self.partitions {
            let change = manifest_of(manifest);
            if write(partition, MANIFEST_KEY, &change, NoMemory::Wait, reader)?.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Brings a vbucket's history up to a manifest: an event for each scope and collection that came or went. A vbucket
/// that is not active, or stops being so on the way, is left alone: what it has is another's to say.
pub(super) fn follow(
    partition: &Partition,
    manifest: &Manifest,
    now: u32,
    no_memory: NoMemory,
    reader: &mut Reader,
) -> Result<()> {
    if partition.info(&reader.pin()).state != VbState::Active {
        return Ok(());
    }
    let uid = manifest.uid();
    let known = partition.collections(&reader.pin());
    for scope in manifest.scopes() {
        if !known.has_scope(scope.id) {
            let change = SystemChange::ScopeCreated { scope: scope.id, name: &scope.name };
            let document = change.document(uid, now);
            let written = write(partition, &change.key(), &document, no_memory, reader)?;
            let Some(_) = written else { return Ok(()) };
            partition.change_collections(&reader.pin(), |t| t.with_scope(scope.id))?;
        }
    }
    for made in manifest.collections() {
        if made.id != CollectionId::ZERO && known.find(made.id).is_none() {
            let change = SystemChange::CollectionCreated {
                scope: made.scope,
                collection: made.id,
                name: &made.name,
                max_ttl: made.max_ttl,
            };
            let document = change.document(uid, now);
            let written = write(partition, &change.key(), &document, no_memory, reader)?;
            let Some(written) = written else { return Ok(()) };
            let entry = VbCollection::new(made.id, made.scope, made.max_ttl, written.seqno);
            let entry = Arc::new(entry);
            let add = |t: &CollectionTable| t.with(Arc::clone(&entry));
            partition.change_collections(&reader.pin(), add)?;
        }
    }
    for made in manifest.collections() {
        tell_change(partition, made, now, no_memory, reader)?;
    }
    for entry in known.iter() {
        if manifest.collection(entry.id).is_none() {
            if !drop_collection(partition, entry, (uid, now), no_memory, reader)? {
                return Ok(());
            }
            let remove = |t: &CollectionTable| t.without(entry.id);
            partition.change_collections(&reader.pin(), remove)?;
        }
    }
    let default = Arc::clone(&partition.history(&reader.pin()).default);
    if manifest.collection(CollectionId::ZERO).is_none()
        && !default.is_closing()
        && !drop_collection(partition, &default, (uid, now), no_memory, reader)?
    {
        return Ok(());
    }
    for scope in known.scopes().filter(|scope| manifest.scope(*scope).is_none()) {
        let change = SystemChange::ScopeDropped { scope };
        let document = change.document(uid, now);
        let written = write(partition, &change.key(), &document, no_memory, reader)?;
        let Some(_) = written else { return Ok(()) };
        partition.change_collections(&reader.pin(), |t| t.without_scope(scope))?;
    }
    Ok(())
}

/// Tells of a collection's newest change if the vbucket's history does not yet.
fn tell_change(
    partition: &Partition,
    made: &Collection,
    now: u32,
    no_memory: NoMemory,
    reader: &mut Reader,
) -> Result<()> {
    if is_told(partition, made, &reader.pin()) {
        return Ok(());
    }
    let newest = made.changed.0 as u32;
    let change = SystemChange::CollectionModified {
        scope: made.scope,
        collection: made.id,
        name: &made.name,
        max_ttl: made.max_ttl,
    };
    let document = change.document(made.changed, now);
    if let Some(written) = write(partition, &change.key(), &document, no_memory, reader)? {
        partition.with_collection(made.id, &reader.pin(), |known| {
            if let Some(known) = known {
                known.change(made.max_ttl, newest);
                note_event(known, written.seqno);
            }
        });
    }
    Ok(())
}

/// Whether a vbucket's history tells of a collection's newest change, or has no such collection.
fn is_told(partition: &Partition, made: &Collection, pin: &Pin<'_>) -> bool {
    let newest = made.changed.0 as u32;
    partition.with_collection(made.id, pin, |it| it.is_none_or(|it| it.changed() == newest))
}

/// A stream of the collection shows an event of it, and has something up to there. Not of the default collection, whose
/// high seqno is that of what clients see that do not know of collections, nor of its events.
fn note_event(known: &VbCollection, seqno: Seqno) {
    if known.id != CollectionId::ZERO {
        known.note(seqno, false, false);
    }
}

/// Whether a vbucket has nothing to catch up with.
pub(super) fn knows(partition: &Partition, manifest: &Manifest, pin: &Pin<'_>) -> bool {
    let history = partition.history(pin);
    let known = history.others(pin);
    let is_known = |id| id == CollectionId::ZERO || known.find(id).is_some();
    manifest.scopes().iter().all(|scope| known.has_scope(scope.id))
        && manifest.collections().iter().all(|made| is_known(made.id))
        && manifest.collections().iter().all(|made| is_told(partition, made, pin))
        && known.iter().all(|entry| manifest.collection(entry.id).is_some())
        && known.scopes().all(|scope| manifest.scope(scope).is_some())
        && (manifest.collection(CollectionId::ZERO).is_some() || history.default.is_closing())
}

/// Whether the vbucket took the event.
fn drop_collection(
    partition: &Partition,
    entry: &VbCollection,
    (manifest, now): (ManifestUid, u32),
    no_memory: NoMemory,
    reader: &mut Reader,
) -> Result<bool> {
    // Before the event takes its seqno, so that every writer with a higher one gives it back.
    entry.close();
    let (scope, collection) = (entry.scope, entry.id);
    let change = SystemChange::CollectionDropped { scope, collection };
    let document = change.document(manifest, now);
    let written = write(partition, &change.key(), &document, no_memory, reader);
    if !matches!(written, Ok(Some(_))) {
        // Nobody was told: it is there until somebody is.
        entry.reopen();
        return written.map(|_| false);
    }
    forget_documents(partition, entry, reader, |_| ());
    Ok(true)
}

/// Lets go of the documents of a collection whose drop event is in the history: nobody finds them by key any more.
/// `between` is called after every [`KEYS_AT_ONCE`] keys of the vbucket, with nothing pinned.
pub(super) fn forget_documents(
    partition: &Partition,
    entry: &VbCollection,
    reader: &mut Reader,
    mut between: impl FnMut(&mut Reader),
) {
    let index = {
        let pin = reader.pin();
        let history = partition.history(&pin);
        history.count_out(entry);
        Arc::clone(&history.index)
    };
    index.in_slices(KEYS_AT_ONCE, |keys| {
        {
            let pin = reader.pin();
            let history = partition.history(&pin);
            if !Arc::ptr_eq(&index, &history.index) {
                // The vbucket has another history now, in which the event may not be.
                return ControlFlow::Break(());
            }
            history.count_out_cold(index.forget(entry.id, keys, &pin));
        }
        between(reader);
        ControlFlow::Continue(())
    });
}

/// Writes a system document. `None` if the vbucket takes no writes.
fn write(
    partition: &Partition,
    key: &[u8],
    change: &Change<'static>,
    no_memory: NoMemory,
    reader: &mut Reader,
) -> Result<Option<Written>> {
    let patience = if no_memory == NoMemory::Wait { MANIFEST_TIMEOUT } else { Duration::ZERO };
    let give_up = workers::now() + patience;
    loop {
        let asked = Asked { key, now_ns: 0, fetched: None, collection: None, told: Told::AtOnce };
        let mut decide =
            |_: Option<Found<'_>>| -> Decision<'static, ()> { Decision::Write(change.clone()) };
        let written = {
            let pin = reader.pin();
            partition.update_qualified(&partition.history(&pin), asked, &pin, &mut decide)
        };
        match written {
            Ok(written) => return Ok(Some(written)),
            Err(UpdateError::NotActive) => return Ok(None),
            Err(_) if workers::now() < give_up => workers::nap(WAIT),
            Err(_) => {
                let what = "memory is full: not every vbucket knows of the change yet";
                return Err(Error::new(ErrorKind::Retry, what));
            }
        }
    }
}

/// Between two tries to write a system document.
const WAIT: Duration = Duration::from_millis(1);

/// What the store has of collections, gathered while the keys are loaded.
#[derive(Default)]
pub(super) struct Stored {
    /// For each vbucket that has any: its collections as far as they are known.
    vbs: BTreeMap<VbId, CollectionTable>,
    /// For each system key the vbucket with the newest event, by the low half of its manifest's uid.
    newest: BTreeMap<Box<[u8]>, (u32, VbId)>,
}

impl Stored {
    /// Takes over a key of a vbucket. The keys of system events are smaller than those of documents in collections
    /// other than the default one, so that a collection is known before its documents come.
    pub(super) fn load(&mut self, vb: VbId, history: &History, key: &[u8], meta: &DocMeta) {
        if is_system(key) {
            self.note(vb, history, key, meta);
            return history.load(key, meta, None);
        }
        let collection = match CollectionId::split(key) {
            Ok((CollectionId::ZERO, _)) => Some(&*history.default),
            Ok((id, _)) => self.find(vb, id),
            Err(_) => None,
        };
        history.load(key, meta, collection);
    }

    fn note(&mut self, vb: VbId, history: &History, key: &[u8], meta: &DocMeta) {
        let newest = self.newest.entry(key.into()).or_insert((meta.flags, vb));
        if meta.flags > newest.0 {
            *newest = (meta.flags, vb);
        }
        if let Some(id) = SystemChange::changed(key) {
            let entry = match id {
                CollectionId::ZERO => Some(&*history.default),
                id => self.find(vb, id),
            };
            if let Some(entry) = entry {
                // What the change was, the manifest tells.
                entry.change(entry.max_ttl(), meta.flags);
                note_event(entry, meta.seqno);
            }
            return;
        }
        let table = self.vbs.entry(vb).or_default();
        if let Some(next) = table.follow(key, meta) {
            *table = next;
        }
    }

    /// A collection of a vbucket, if its newest event says that it is there.
    fn find(&self, vb: VbId, id: CollectionId) -> Option<&VbCollection> {
        self.vbs.get(&vb)?.find(id).map(|entry| &**entry)
    }

    /// The manifest: the newest one that was kept as a whole, and what later events tell.
    pub(super) fn manifest(&self, store: &dyn Store) -> Result<Manifest> {
        let read = |vb, key: &[u8]| {
            let damaged =
                || Error::new(ErrorKind::Corrupt, format!("vb {vb}: a system event is gone"));
            store.get(vb, key)?.ok_or_else(damaged)
        };
        let damaged = || Error::new(ErrorKind::Corrupt, "the manifest of collections is damaged");
        let mut manifest = Manifest::default();
        if let Some(&(_, vb)) = self.newest.get(MANIFEST_KEY) {
            manifest = Manifest::decode(&read(vb, MANIFEST_KEY)?.value).ok_or_else(damaged)?;
        }
        let kept = manifest.uid().0 as u32;
        let mut later = Vec::new();
        for (key, &(uid, vb)) in self.newest.iter().filter(|(key, _)| &***key != MANIFEST_KEY) {
            if uid > kept {
                later.push(read(vb, key)?);
            }
        }
        later.sort_by_key(|record| record.meta.flags);
        for record in &later {
            let event = SystemEvent::parse(&record.meta, &record.key, &record.value);
            manifest.follow(&event.ok_or_else(damaged)?);
        }
        Ok(manifest)
    }

    /// Hands each vbucket the collections that it has, and has it tell what it missed.
    pub(super) fn hand_over(
        mut self,
        manifest: &Manifest,
        partitions: &[Partition],
        now: u32,
        domain: &Domain,
    ) -> Result<()> {
        let mut reader = domain.borrow("load");
        for partition in partitions {
            {
                let pin = reader.pin();
                let history = partition.history(&pin);
                if manifest.collection(CollectionId::ZERO).is_none() {
                    history.default.close();
                }
                self.hand_over_to(partition.vb, &history, manifest, &pin)?;
            }
            follow(partition, manifest, now, NoMemory::Wait, &mut reader)?;
        }
        Ok(())
    }

    /// Hands a vbucket's history the collections that it has.
    pub(super) fn hand_over_to(
        &mut self,
        vb: VbId,
        history: &History,
        manifest: &Manifest,
        pin: &Pin<'_>,
    ) -> Result<()> {
        if let Some(made) = manifest.collection(CollectionId::ZERO) {
            history.default.change(made.max_ttl, history.default.changed());
        }
        if let Some(table) = self.vbs.remove(&vb) {
            history.others.replace(table.named(manifest), pin)?;
        }
        Ok(())
    }

    /// Whether the history that was loaded tells that the default collection was dropped.
    pub(super) fn tells_of_default(&self) -> bool {
        let (scope, collection) = (ScopeId::ZERO, CollectionId::ZERO);
        let change = SystemChange::CollectionDropped { scope, collection };
        self.newest.contains_key(&*change.key())
    }
}

impl CollectionTable {
    /// As a system event in the store tells; `None` if that changes nothing.
    fn follow(&self, key: &[u8], meta: &DocMeta) -> Option<Self> {
        match (SystemChange::subject(key)?, meta.kind.is_alive()) {
            ((Some(id), _), true) => {
                self.with(Arc::new(VbCollection::new(id, ScopeId::ZERO, 0, meta.seqno)))
            }
            ((Some(id), _), false) => self.without(id),
            ((None, Some(scope)), true) => self.with_scope(scope),
            ((None, Some(scope)), false) => self.without_scope(scope),
            ((None, None), _) => None,
        }
    }

    /// With what only the manifest tells of its collections.
    fn named(&self, manifest: &Manifest) -> Self {
        self.map(|entry| match manifest.collection(entry.id) {
            Some(made) => entry.named(made.scope, made.max_ttl),
            None => Arc::clone(entry),
        })
    }
}

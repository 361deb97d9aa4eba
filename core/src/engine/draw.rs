//! Draws a document at random. There is no list of documents to draw from, so a vbucket is drawn by how many it has,
//! then a place in its history, from where documents are looked at, in the log and in the store, around to the same
//! place: of the first few hundred that are there, each is as likely. A history is looked at in pages, with nothing
//! held in between.

use super::parts::EngineParts;
use super::session::Session;
use crate::collections::Key;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{DRAW_AMONG, DRAW_LOOKS_FOR_MORE, DRAW_LOOKS_MAX};
use crate::log::{Opened, ReadTo};
use crate::partition::{History, Lock, Partition};
use crate::store::{Record, SliceBudget};
use crate::types::{CollectionId, DocMeta, Seqno, VbId, VbState};
use bytes::Bytes;
use core::ops::ControlFlow;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::{Pin, Reader};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A document that was drawn at random.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drawn {
    /// Its vbucket.
    pub vb: VbId,
    /// Its newest version; the key as it is in its collection.
    pub record: Record,
    /// The lock that is in force on it.
    pub lock: Option<Lock>,
}

/// Entries of a log or a store that are looked at in one go.
const LOOKS_AT_ONCE: u64 = 1024;
/// Bytes of keys that are read from a store in one go.
const BYTES_AT_ONCE: usize = 256 * 1024;
/// How often it is begun anew since what was drawn had gone when it was read.
const ATTEMPTS: u32 = 8;

impl EngineParts {
    /// See [`Engine::draw`](super::Engine::draw).
    pub(in crate::engine) fn draw(parts: &Arc<Self>, of: CollectionId) -> Result<Option<Drawn>> {
        let mut looks = DRAW_LOOKS_MAX;
        let mut session = Session::new(parts, "draw");
        for _ in 0..ATTEMPTS {
            let Some((vb, key)) = parts.draw_key(of, &mut looks, &mut session.reader)? else {
                return Ok(None);
            };
            if let Some(drawn) = session.read_drawn(vb, of, &key)? {
                return Ok(Some(drawn));
            }
        }
        Err(Error::new(ErrorKind::Retry, "each document that was drawn was gone when it was read"))
    }

    /// Draws a key; `None` if the active vbuckets have no document of the collection.
    pub(super) fn draw_key(
        &self,
        of: CollectionId,
        looks: &mut u64,
        reader: &mut Reader,
    ) -> Result<Option<(VbId, Box<[u8]>)>> {
        let mut holders = self.holders(of, &reader.pin());
        while let Some(partition) = take_one(&mut holders) {
            let Some((start, high)) = range(partition, of, &reader.pin()) else { continue };
            let from = Seqno(start.0 + below(high.0 - start.0 + 1));
            let now = self.clock.unix_seconds();
            let mut urn = Urn { parts: self, of, now, looks: *looks, seen: 0, picked: None };
            urn.fill(partition, from, high, reader)?;
            urn.fill(partition, start, Seqno(from.0 - 1), reader)?;
            *looks = urn.looks;
            match urn.picked {
                Some(key) => return Ok(Some((partition.vb, key))),
                None if *looks == 0 => {
                    let what = "none was found among the entries that may be looked at for it";
                    return Err(Error::new(ErrorKind::Retry, what));
                }
                // What was counted has expired, or was deleted meanwhile.
                None => {}
            }
        }
        Ok(None)
    }

    /// The active vbuckets that have documents of a collection, and how many.
    fn holders(&self, of: CollectionId, pin: &Pin<'_>) -> Vec<(&Partition, u64)> {
        let active = self.partitions.iter().filter(|p| p.info(pin).state == VbState::Active);
        let alive = |p: &Partition| p.with_collection(of, pin, |c| c.map_or(0, |c| c.alive()));
        active.map(|partition| (partition, alive(partition))).filter(|(_, n)| *n > 0).collect()
    }
}

impl Session<'_> {
    /// The document of a key that was drawn, if it is there still.
    fn read_drawn(&mut self, vb: VbId, of: CollectionId, key: &[u8]) -> Result<Option<Drawn>> {
        let now = self.parts.clock.unix_seconds();
        let lives = |meta: &DocMeta| lives(meta, now);
        let name = match CollectionId::split(key) {
            Ok((_, name)) => Key::new(of, name),
            Err(_) => return Ok(None),
        };
        let in_memory = self.look(vb, name, |found| {
            let found = found.filter(|found| lives(found.meta))?;
            let value = Bytes::copy_from_slice(found.value.unwrap_or_default());
            let record =
                Record { meta: *found.meta, key: Bytes::copy_from_slice(name.name), value };
            Some(Drawn { vb, record, lock: found.lock })
        });
        match in_memory {
            Ok(drawn) => Ok(drawn),
            Err(not_here) => {
                let fetched = self.fetch(vb, name)?.map(|fetched| fetched.0);
                let record = fetched.filter(|record| lives(&record.meta));
                Ok(record.map(|record| Drawn { vb, record, lock: not_here.lock }))
            }
        }
    }
}

/// What is drawn from: the documents that were found so far, one of which is picked.
struct Urn<'a> {
    parts: &'a EngineParts,
    of: CollectionId,
    now: u32,
    /// Entries that may be looked at yet.
    looks: u64,
    seen: u64,
    picked: Option<Box<[u8]>>,
}

impl Urn<'_> {
    /// Looks for documents from `next` on, up to `end`, until there are enough.
    fn fill(
        &mut self,
        partition: &Partition,
        mut next: Seqno,
        end: Seqno,
        reader: &mut Reader,
    ) -> Result<()> {
        while next <= end && !self.is_full() {
            self.parts.check_running()?;
            next = match self.look_in_memory(partition, next, end, reader) {
                ControlFlow::Continue(next) => next,
                ControlFlow::Break(None) => return Ok(()),
                ControlFlow::Break(Some(floor)) => {
                    let below = end.min(Seqno(floor.0 - 1));
                    self.look_in_store(partition, next, below, reader)?
                }
            };
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        let spent = DRAW_LOOKS_MAX - self.looks;
        let enough = self.seen >= DRAW_AMONG || spent >= DRAW_LOOKS_FOR_MORE;
        self.looks == 0 || (self.seen > 0 && enough)
    }

    /// One page of the log. Continues with the seqno behind it; breaks off where the log ends, or with where it begins,
    /// if that is above `next`.
    fn look_in_memory(
        &mut self,
        partition: &Partition,
        next: Seqno,
        end: Seqno,
        reader: &mut Reader,
    ) -> ControlFlow<Option<Seqno>, Seqno> {
        let pin = reader.pin();
        let history = partition.history(&pin);
        let to = match history.log.open(next, LOOKS_AT_ONCE.min(self.looks), end, &pin) {
            Opened::Upto(to) => to,
            Opened::Behind(floor) => return ControlFlow::Break(Some(floor)),
            Opened::Empty => return ControlFlow::Break(None),
        };
        let read = history.log.read(next, to, &pin, |doc| {
            self.consider(&history, doc.key(), &doc.meta, &pin);
            ControlFlow::Continue(())
        });
        let (ReadTo::Next(at) | ReadTo::Behind(at)) = read;
        self.looks = self.looks.saturating_sub(at.0 - next.0);
        ControlFlow::Continue(at)
    }

    /// One page of the store; the seqno behind it.
    fn look_in_store(
        &mut self,
        partition: &Partition,
        next: Seqno,
        end: Seqno,
        reader: &mut Reader,
    ) -> Result<Seqno> {
        let mut scan = self.parts.store.scan(partition.vb, next..=end)?;
        scan.leave_out_values(|_| false);
        let mut page = Vec::new();
        let items = LOOKS_AT_ONCE.min(self.looks) as usize;
        let read = scan.next(SliceBudget { bytes: BYTES_AT_ONCE, items }, &mut page)?;
        drop(scan);
        self.looks = self.looks.saturating_sub(page.len().max(1) as u64);
        let pin = reader.pin();
        let history = partition.history(&pin);
        for record in &page {
            self.consider(&history, &record.key, &record.meta, &pin);
        }
        Ok(if read.more { read.read_to.next() } else { end.next() })
    }

    /// Puts a version in if it is the newest of a document that lives: one of them is picked, each as likely.
    fn consider(&mut self, history: &History, key: &[u8], meta: &DocMeta, pin: &Pin<'_>) {
        let is_of = || CollectionId::split(key).is_ok_and(|(of, _)| of == self.of);
        let is_newest = || {
            let held = history.index.get(key, pin);
            held.current().meta().is_some_and(|newest| newest.seqno == meta.seqno)
        };
        if lives(meta, self.now) && is_of() && is_newest() {
            self.seen += 1;
            if below(self.seen) == 0 {
                self.picked = Some(key.into());
            }
        }
    }
}

fn lives(meta: &DocMeta, now: u32) -> bool {
    meta.kind.is_alive() && (meta.expiry == 0 || meta.expiry > now)
}

/// The seqnos that documents of a collection have in a vbucket; `None` if it has none.
fn range(partition: &Partition, of: CollectionId, pin: &Pin<'_>) -> Option<(Seqno, Seqno)> {
    partition.with_collection(of, pin, |collection| {
        let collection = collection?;
        let (start, high) = (collection.start.next(), collection.high());
        (start <= high).then_some((start, high))
    })
}

/// Takes one out, each as likely as it has documents.
fn take_one<'a>(holders: &mut Vec<(&'a Partition, u64)>) -> Option<&'a Partition> {
    let all: u64 = holders.iter().map(|(_, n)| n).sum();
    let mut left = below(all.max(1));
    let drawn = holders.iter().position(|(_, n)| {
        let here = left < *n;
        left = left.saturating_sub(*n);
        here
    });
    drawn.map(|at| holders.swap_remove(at).0)
}

/// A random number below `n`, which is not 0. It is that of the standard library's hash keys, and no secret.
fn below(n: u64) -> u64 {
    let bits = RandomState::new().build_hasher().finish();
    ((u128::from(bits) * u128::from(n)) >> 64) as u64
}

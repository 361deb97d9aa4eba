//! What a client would have of a stream, and what it should have.

use super::violation::{Fault, Field};
use crate::types::{Cas, DocKind, Seqno};
use std::collections::{HashMap, HashSet};

/// The newest version of a document, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected<'a> {
    /// Its value.
    pub value: &'a [u8],
    /// Its compare-and-swap token.
    pub cas: Cas,
    /// The writer's bits; not compared if it is deleted.
    pub flags: u32,
    /// Whether it is deleted. A client may know nothing of a deleted document.
    pub deleted: bool,
}

/// Every key of a stream.
#[derive(Debug, Default)]
pub(super) struct Contents {
    keys: HashMap<Box<[u8]>, Known>,
}

/// What is known of a key.
#[derive(Debug)]
struct Known {
    /// The snapshot in which it came last.
    snapshot: u64,
    /// Its versions by seqno, since a rollback may bring an older one back; none unless contents
    /// are tracked.
    versions: Vec<Version>,
}

/// A version of a document.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) seqno: Seqno,
    pub(super) value: Box<[u8]>,
    pub(super) cas: Cas,
    pub(super) flags: u32,
    pub(super) kind: DocKind,
}

impl Contents {
    /// Takes note of a key; whether it came before in the same snapshot.
    pub(super) fn note(&mut self, key: &[u8], snapshot: u64, version: Option<Version>) -> bool {
        if let Some(known) = self.keys.get_mut(key) {
            known.versions.extend(version);
            return core::mem::replace(&mut known.snapshot, snapshot) == snapshot;
        }
        let versions = version.into_iter().collect();
        self.keys.insert(key.into(), Known { snapshot, versions });
        false
    }

    /// Forgets what came above `seqno`.
    pub(super) fn roll_back(&mut self, seqno: Seqno) {
        for known in self.keys.values_mut() {
            known.versions.retain(|version| version.seqno <= seqno);
        }
    }

    /// Hands each difference between what is here and what is expected to `found`.
    pub(super) fn compare<'a>(
        &self,
        expected: impl IntoIterator<Item = (&'a [u8], Expected<'a>)>,
        mut found: impl FnMut(Fault),
    ) {
        let mut written: HashSet<&[u8]> = HashSet::new();
        for (key, expected) in expected {
            written.insert(key);
            match self.newest(key) {
                Some(version) => {
                    if let Some(field) = version.differs(&expected) {
                        found(Fault::Differs { key: key.into(), seqno: version.seqno, field });
                    }
                }
                None if expected.deleted => {}
                None => found(Fault::Missing { key: key.into() }),
            }
        }
        let mut unexpected: Vec<_> = self
            .keys
            .iter()
            .filter(|(key, _)| !written.contains(&***key))
            .filter_map(|(key, known)| Some((key, known.versions.last()?)))
            .filter(|(_, version)| version.kind.is_alive())
            .collect();
        unexpected.sort_unstable_by_key(|(_, version)| version.seqno);
        for (key, version) in unexpected {
            found(Fault::Unexpected { key: key.clone(), seqno: version.seqno });
        }
    }

    fn newest(&self, key: &[u8]) -> Option<&Version> {
        self.keys.get(key)?.versions.last()
    }
}

impl Version {
    fn differs(&self, expected: &Expected<'_>) -> Option<Field> {
        let deleted = !self.kind.is_alive();
        if deleted != expected.deleted {
            Some(Field::Deleted)
        } else if self.cas != expected.cas {
            Some(Field::Cas)
        } else if !deleted && self.flags != expected.flags {
            Some(Field::Flags)
        } else if *self.value != *expected.value {
            Some(Field::Value)
        } else {
            None
        }
    }
}

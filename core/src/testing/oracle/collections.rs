//! Which collections a stream may show.

use super::event::Shows;
use super::violation::Fault;
use crate::types::{CollectionId, Seqno};
use std::collections::BTreeSet;

/// What a stream has told of collections, and what it was asked for.
#[derive(Debug, Default)]
pub(super) struct Collections {
    shows: Shows,
    /// Those that exist, as far as the stream told.
    told: BTreeSet<u32>,
    /// Those that it has told are gone.
    dropped: BTreeSet<u32>,
    /// Whether it told of everything from the beginning on.
    whole: bool,
}

impl Collections {
    pub(super) fn shows(&mut self, shows: Shows) {
        self.shows = shows;
    }

    /// The stream begins behind that seqno.
    pub(super) fn accept(&mut self, start: Seqno) {
        if start == Seqno::ZERO {
            (self.told, self.dropped) = (BTreeSet::new(), BTreeSet::new());
            self.whole = true;
            if self.shows.has_default() {
                // Nobody made it.
                self.told.insert(0);
            }
        }
    }

    /// A collection was made, or dropped.
    pub(super) fn told(
        &mut self,
        id: CollectionId,
        exists: bool,
        seqno: Seqno,
    ) -> Result<(), Fault> {
        let known = if exists { &mut self.told } else { &mut self.dropped };
        known.insert(id.0);
        if !exists {
            self.told.remove(&id.0);
        }
        if self.shows.may_have(id) { Ok(()) } else { Err(Fault::NotAskedFor { id, seqno }) }
    }

    /// A document, by the key that the wire has.
    pub(super) fn document(&self, key: &[u8], seqno: Seqno) -> Result<(), Fault> {
        let Ok((id, name)) = CollectionId::split(key) else {
            return Err(Fault::NoCollection { key: key.into(), seqno });
        };
        if name.is_empty() {
            return Err(Fault::NoCollection { key: key.into(), seqno });
        }
        if !self.shows.may_have(id) {
            return Err(Fault::NotAskedFor { id, seqno });
        }
        let is_told = self.told.contains(&id.0) || !self.whole && !self.dropped.contains(&id.0);
        if is_told { Ok(()) } else { Err(Fault::NotTold { id, seqno }) }
    }
}

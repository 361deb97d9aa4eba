//! Which connections exist. Promise: a connection that was added is in every later snapshot until it is removed,
//! and none is added after `close`: the mark is part of the published value that an insert replaces.
//!
//! # State
//! One published cell, which holds the whole roster and the closed mark.
//!
//! # Invariants
//! - I1. A roster that is marked closed is followed only by rosters that are (model
//!   `map::insert_vs_close`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `for_each`, `len` | any pinned thread | everything | wait-free, one load |
//! | `insert`, `remove`, `close` | any pinned thread | everything | lock-free: a lost exchange means that another change went through |
//!
//! # Orderings
//! Those of [`Published`].
//!
//! # Reclamation
//! A replaced roster is retired through the caller's pin; its destructor drops references to connections, on the
//! reaper's thread.
//!
//! # Not promised
//! That a name is in it once: a newcomer closes its namesake, which leaves when its owner notices.

use super::connection::Connection;
use super::roster::Roster;
use crate::error::{Error, ErrorKind, Result};
use millstream_reclaim::sync::Arc;
use millstream_reclaim::{Domain, Live, Pin, Published};

/// The connections of an engine.
#[derive(Debug)]
pub(crate) struct ConnectionMap(Published<Roster>);

impl ConnectionMap {
    pub(crate) fn new(domain: &Domain) -> Result<Self> {
        Ok(Self(domain.publish(Roster::default())?))
    }

    /// Adds a connection, unless the map is closed.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`], or [`ErrorKind::Retry`] when too much waits for reclamation.
    pub(crate) fn insert(&self, connection: &Arc<Connection>, pin: &Pin<'_>) -> Result<()> {
        let added =
            self.0.update(pin, |roster| (!roster.closed).then(|| roster.with(connection)))?;
        if added { Ok(()) } else { Err(Error::new(ErrorKind::Closed, "the engine is shut down")) }
    }

    /// Removes a connection; nothing happens if it is not there.
    pub(crate) fn remove(&self, id: u64, pin: &Pin<'_>) {
        self.let_go(pin, |roster| roster.without(id));
    }

    /// Lets nothing be added any more. True for the first caller.
    pub(crate) fn close(&self, pin: &Pin<'_>) -> bool {
        self.let_go(pin, |roster| (!roster.closed).then(|| roster.closing()))
    }

    fn let_go(&self, pin: &Pin<'_>, edit: impl FnMut(&Roster) -> Option<Roster>) -> bool {
        self.0.update_past_limit(pin, edit).expect("the roster is replaced, never retired")
    }

    /// Calls `each` with every connection of one moment.
    pub(crate) fn for_each(&self, pin: &Pin<'_>, each: impl FnMut(&Arc<Connection>)) {
        let roster = self.roster(pin);
        gate!(HoldsRoster);
        roster.iter().for_each(each);
    }

    pub(crate) fn len(&self, pin: &Pin<'_>) -> usize {
        self.roster(pin).len()
    }

    fn roster<'p>(&'p self, pin: &'p Pin<'_>) -> Live<'p, Roster> {
        self.0.get(pin).expect("the roster is replaced, never retired")
    }
}

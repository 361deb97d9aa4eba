//! What threads share of a connection, and the map of all connections.

use super::backfill::Backfills;
use crate::backfill::Lanes;
use crate::conn::{self as room, ConnectionParts, Report};
use crate::error::Result;
use crate::flow::Window;
use crate::producer::StreamTable;
use crate::ready::ReadySet;
use crate::stream::StreamWord;
use crate::types::{EndReason, VbId};
use millstream_reclaim::sync::{Arc, workers};
use millstream_reclaim::{Domain, Pin};

/// `Connection`.
#[derive(Clone, Debug)]
pub struct Connection(Arc<room::Connection>);

/// `ConnectionMap`.
#[derive(Debug)]
pub struct ConnectionMap(room::ConnectionMap);

impl Connection {
    /// A connection of so many slots.
    #[must_use]
    pub fn new(id: u64, slots: usize, ready: &Arc<ReadySet>, backfills: &Backfills) -> Self {
        Self(room::Connection::new(ConnectionParts {
            id,
            name: format!("connection {id}").into(),
            streams: StreamTable::new(slots),
            ready: Arc::clone(ready),
            backfills: Lanes::new([Arc::clone(&backfills.0)]),
            window: Window::new(0),
            report: Report::new(None, workers::now()),
        }))
    }

    /// The word of a slot to open a stream in.
    #[must_use]
    pub fn word_for_open(&self, member: usize) -> Option<&StreamWord> {
        Some(&self.0.streams.slot_for_open(member)?.word)
    }

    /// `Connection::close_all`.
    pub fn close_all(&self, pin: &Pin<'_>) -> usize {
        self.0.close_all(pin)
    }

    /// `Connection::kill_vbucket`.
    pub fn kill_vbucket(&self, vb: VbId, reason: EndReason) -> usize {
        self.0.kill_vbucket(vb, reason)
    }

    /// `Connection::is_closed`.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl ConnectionMap {
    /// An empty map.
    ///
    /// # Panics
    /// When too much awaits reclamation.
    #[must_use]
    pub fn new(domain: &Domain) -> Self {
        Self(room::ConnectionMap::new(domain).expect("a new domain has no backlog"))
    }

    /// `ConnectionMap::insert`.
    ///
    /// # Errors
    /// Its.
    pub fn insert(&self, connection: &Connection, pin: &Pin<'_>) -> Result<()> {
        self.0.insert(&connection.0, pin)
    }

    /// `ConnectionMap::remove`.
    pub fn remove(&self, id: u64, pin: &Pin<'_>) {
        self.0.remove(id, pin);
    }

    /// `ConnectionMap::close`.
    pub fn close(&self, pin: &Pin<'_>) -> bool {
        self.0.close(pin)
    }

    /// `ConnectionMap::for_each`, their ids.
    #[must_use]
    pub fn ids(&self, pin: &Pin<'_>) -> Vec<u64> {
        let mut ids = Vec::new();
        self.0.for_each(pin, |connection| ids.push(connection.id));
        ids
    }
}

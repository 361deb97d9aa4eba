//! What a connection has agreed on with its client so far.

use super::scram::Exchange;
use crate::limits::{
    TURN_BYTES, TURN_BYTES_HIGH_PRIORITY, TURN_BYTES_LOW_PRIORITY, TURN_BYTES_MEDIUM_PRIORITY,
};
use crate::producer::{Priority, Producer};
use crate::types::Datatype;
use crate::wire::{Feature, FeatureSet, Opcode};
use std::time::Instant;

/// What a connection has agreed on with its client so far.
pub(super) struct Peer {
    pub(super) features: FeatureSet,
    /// Until when it must have logged in; `None` once it has, or if nobody needs to.
    pub(super) login_by: Option<Instant>,
    pub(super) login_failures: u32,
    /// A login that was begun.
    pub(super) login: Option<Exchange>,
    /// Who has logged in.
    pub(super) user: Option<String>,
    pub(super) bucket_selected: bool,
    /// What it has asked for that is not built, as it was noted in the log.
    pub(super) unsupported: Vec<(Opcode, String)>,
    /// Its streams, once it is a DCP connection.
    pub(super) dcp: Option<Producer>,
}

impl Peer {
    /// A client that has just connected, and may have to log in.
    pub(super) fn new(login_by: Option<Instant>) -> Self {
        Self {
            features: FeatureSet::EMPTY,
            login_by,
            login_failures: 0,
            login: None,
            user: None,
            bucket_selected: false,
            unsupported: Vec::new(),
            dcp: None,
        }
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        self.features.contains(feature)
    }

    /// Whether it still has to log in.
    pub(super) fn is_stranger(&self) -> bool {
        self.login_by.is_some()
    }

    /// The datatype of a text of ours that is JSON.
    pub(super) fn json(&self) -> Datatype {
        if self.has(Feature::JSON) { Datatype::JSON } else { Datatype::RAW }
    }

    /// Bits of a datatype that the client reads and may write.
    pub(super) fn datatypes(&self) -> Datatype {
        let json = self.json();
        if self.reads_snappy() { json.with(Datatype::SNAPPY) } else { json }
    }

    /// Whether values may be compressed, both ways.
    pub(super) fn reads_snappy(&self) -> bool {
        self.has(Feature::SNAPPY) || self.has(Feature::SNAPPY_EVERYWHERE)
    }

    /// Bytes that it moves before other connections have their turn: of streams as many as its priority says, so that
    /// where connections share a thread a high one gets four times what a low one gets.
    pub(super) fn turn_bytes(&self) -> usize {
        match self.dcp.as_ref().map(|producer| producer.controls().priority()) {
            Some(Priority::High) => TURN_BYTES_HIGH_PRIORITY,
            Some(Priority::Medium) => TURN_BYTES_MEDIUM_PRIORITY,
            Some(Priority::Low) => TURN_BYTES_LOW_PRIORITY,
            None => 4 * TURN_BYTES,
        }
    }
}

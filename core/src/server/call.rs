//! One request while it is handled: what its command may look at, and how it ends.

use super::kv::{StatWalk, VbChange};
use super::output::Output;
use super::peer::Peer;
use super::shared::Shared;
use super::status::Refused;
use super::withheld::Withheld;
use crate::collections::Key;
use crate::engine::{Drawn, Fetched, Session};
use crate::limits::KEY_BYTES_MAX;
use crate::types::{CollectionId, Datatype, VbId, VbState, VbUuid};
use crate::wire::{Feature, Frame, FrameReader, WireError};
use bytes::BytesMut;

/// One request while it is handled.
pub(super) struct Call<'a, 'e> {
    pub(super) shared: &'e Shared,
    pub(super) session: &'a mut Session<'e>,
    pub(super) peer: &'a mut Peer,
    pub(super) reader: &'a mut FrameReader,
    pub(super) output: &'a mut Output,
    pub(super) withheld: Option<&'a mut Withheld>,
    /// Statistics whose list goes on when there is room for more of it.
    pub(super) walk: &'a mut Option<StatWalk>,
    pub(super) frame: &'a Frame,
    /// The stored version of the document, if an earlier attempt asked for it.
    pub(super) stored: Option<&'a Option<Fetched>>,
    /// The document that was drawn, if an earlier attempt asked for one.
    pub(super) drawn: Option<&'a Option<Drawn>>,
    /// Seconds since 1970.
    pub(super) unix_now: u32,
}

/// Why a request was not answered with success.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is answered with this.
    Refused(Refused),
    /// It is handled again once the stored version of its document has been read.
    NeedsStored,
    /// It is handled again once a document of this collection has been drawn.
    NeedsDraw(CollectionId),
    /// It is handled again once there may be memory, or the vbucket has caught up with the manifest.
    NeedsMemory,
    /// It is answered once this is made.
    NeedsChange(VbChange),
    /// The connection ends; what is answered so far is sent.
    Close,
}

impl<E: Into<Refused>> From<E> for Stop {
    fn from(refused: E) -> Self {
        Self::Refused(refused.into())
    }
}

/// What a key on the wire names.
pub(super) fn key_of(collections: bool, key: &[u8]) -> Result<Key<'_>, WireError> {
    if !collections {
        return Ok(Key::from(key));
    }
    let (collection, name) = CollectionId::split(key)?;
    Ok(Key::new(collection, name))
}

impl Call<'_, '_> {
    /// Where the answer goes.
    pub(super) fn out(&mut self) -> &mut BytesMut {
        self.output.buffer()
    }

    /// The branch of an active vbucket; the others are refused.
    pub(super) fn active(&mut self, vb: VbId) -> Result<VbUuid, Stop> {
        match self.session.branch(vb) {
            Some((VbState::Active, uuid)) => Ok(uuid),
            _ => Err(Refused::not_my_vbucket().into()),
        }
    }

    /// The document that a key on the wire names: in the collection that the key begins with if collections were
    /// agreed on, else in the default one.
    pub(super) fn key<'k>(&mut self, vb: VbId, key: &'k [u8]) -> Result<Key<'k>, Stop> {
        let key = self.key_to_write(key)?;
        if !self.session.has_collection(vb, key.collection) {
            if self.session.is_behind(vb, key.collection) {
                // It is about to be told, and whoever waits for memory is woken then.
                return Err(Stop::NeedsMemory);
            }
            return Err(self.unknown_collection());
        }
        Ok(key)
    }

    /// The same, for a write, which looks for the collection itself.
    pub(super) fn key_to_write<'k>(&self, key: &'k [u8]) -> Result<Key<'k>, Stop> {
        let key = key_of(self.peer.has(Feature::COLLECTIONS), key)?;
        let (len, opcode) = (key.name.len(), self.frame.opcode());
        if !(1..=KEY_BYTES_MAX).contains(&len) {
            return Err(WireError::Key { opcode, len, min: 1, max: KEY_BYTES_MAX }.into());
        }
        Ok(key)
    }

    /// There is no such collection.
    pub(super) fn unknown_collection(&self) -> Stop {
        Refused::unknown_collection(self.shared.engine.manifest().uid()).into()
    }

    /// Refuses a value that the client did not agree to send.
    pub(super) fn check_datatype(&self, datatype: Datatype) -> Result<(), Stop> {
        if self.peer.datatypes().contains(datatype) {
            return Ok(());
        }
        Err(WireError::Datatype { opcode: self.frame.opcode(), datatype }.into())
    }

    /// Whether answers to writes tell where the write is.
    pub(super) fn wants_token(&self) -> bool {
        self.peer.has(Feature::MUTATION_SEQNO)
    }

    /// The streams of a DCP connection; a DCP command on another one is refused.
    pub(super) fn producer(&mut self) -> Result<&mut crate::producer::Producer, Stop> {
        self.peer.dcp.as_mut().ok_or_else(|| Refused::not_dcp().into())
    }
}

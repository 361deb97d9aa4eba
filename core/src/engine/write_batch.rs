//! Several writes in a row: one pin, one look at the clock, and their readers told once.

use super::parts::EngineParts;
use super::session::{Fetched, explain, set_unless_locked};
use crate::collections::Key;
use crate::error::Result;
use crate::partition::{Decision, Found, UpdateError, Written};
use crate::types::VbId;
use millstream_reclaim::Pin;
use millstream_reclaim::sync::Arc;

/// Writes of one thread that follow each other at once; see [`Session::batch`](super::Session::batch).
///
/// Each write is made, and may be read by key and streamed, when its call returns. What waits for the end of the batch
/// (or for the next vbucket) is the waking of streams and of the flusher. It is not a transaction: writes that were
/// made stay, whatever becomes of the others.
///
/// While it lives nothing is reclaimed: end it before waiting for anything, such as memory after
/// [`UpdateError::Busy`].
#[derive(Debug)]
pub struct WriteBatch<'s> {
    parts: &'s Arc<EngineParts>,
    pin: Pin<'s>,
    now_ns: u64,
    /// The vbucket that was written to last, whose readers have not been told.
    untold: Option<VbId>,
}

impl<'s> WriteBatch<'s> {
    pub(super) fn new(parts: &'s Arc<EngineParts>, pin: Pin<'s>) -> Self {
        Self { parts, pin, now_ns: parts.clock.unix_ns(), untold: None }
    }

    /// [`Session::update`](super::Session::update) as a part of the batch. Fastest where writes to one vbucket follow
    /// each other.
    ///
    /// # Errors
    /// See [`UpdateError`].
    pub fn update<'v, 'k, E>(
        &mut self,
        vb: VbId,
        key: impl Into<Key<'k>>,
        fetched: Option<&Fetched>,
        decide: impl FnMut(Option<Found<'_>>) -> Decision<'v, E>,
    ) -> core::result::Result<Written, UpdateError<E>> {
        if self.untold != Some(vb) {
            self.tell();
        }
        let partition = self.parts.partition(vb).ok_or(UpdateError::NotActive)?;
        // Before the write: it may also be told of in vain.
        self.untold = Some(vb);
        let fetched = fetched.map(|Fetched(r)| Found::stored(&r.meta, &r.value));
        let key = key.into();
        match partition.update_untold(key, self.now_ns, fetched, &self.pin, decide) {
            Err(UpdateError::UnknownCollection) => {
                Err(self.parts.not_here(partition, key.collection, &self.pin))
            }
            written => written,
        }
    }

    /// [`Session::set`](super::Session::set) as a part of the batch.
    ///
    /// # Errors
    /// As [`Session::set`](super::Session::set).
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(VbId, Written)> {
        let vb = crate::wire::vbucket_of(key, self.parts.partitions.len() as u32);
        let written = self.update(vb, key, None, |found| set_unless_locked(found, value));
        written.map(|written| (vb, written)).map_err(|error| explain(self.parts, error))
    }

    /// Wakes whoever waits for what was written.
    fn tell(&mut self) {
        if let Some(partition) = self.untold.take().and_then(|vb| self.parts.partition(vb)) {
            partition.published();
        }
    }
}

impl Drop for WriteBatch<'_> {
    fn drop(&mut self) {
        self.tell();
    }
}

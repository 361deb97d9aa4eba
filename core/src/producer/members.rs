//! Which slot a stream has. A vbucket's first stream has the slot of its number; further ones, which only stream ids
//! make possible, have slots behind those of all vbuckets, which stay with their vbucket (see `table.rs`).

use crate::types::{Sid, VbId};
use std::collections::HashMap;

/// The slots of the streams that have an id, and those that wait for another. The owner alone has it: nobody looks
/// anything up here while messages are sent.
#[derive(Debug, Default)]
pub(super) struct Members {
    named: HashMap<(VbId, Sid), u32>,
    /// Further slots without a stream.
    free: HashMap<VbId, Vec<u32>>,
    /// How many further slots there are.
    further: usize,
}

impl Members {
    /// The slot of a vbucket's stream with that id.
    pub(super) fn of(&self, vb: VbId, sid: Sid) -> Option<usize> {
        self.named.get(&(vb, sid)).map(|member| *member as usize)
    }

    /// A stream with that id has that slot now.
    pub(super) fn name(&mut self, vb: VbId, sid: Sid, member: usize) {
        // Lossless: the table's slots fit its links.
        self.named.insert((vb, sid), member as u32);
    }

    /// A stream has left its slot.
    pub(super) fn leave(&mut self, vb: VbId, sid: Option<Sid>, member: usize) {
        if let Some(sid) = sid {
            self.named.remove(&(vb, sid));
        }
        if member != home(vb) {
            self.free.entry(vb).or_default().push(member as u32);
        }
    }

    /// A further slot of the vbucket that holds no stream.
    pub(super) fn reuse(&mut self, vb: VbId) -> Option<usize> {
        let free = self.free.get_mut(&vb)?;
        let member = free.pop();
        if free.is_empty() {
            self.free.remove(&vb);
        }
        member.map(|member| member as usize)
    }

    /// How many further slots there are.
    pub(super) fn further(&self) -> usize {
        self.further
    }

    /// One further slot was made.
    pub(super) fn made_further(&mut self) {
        self.further += 1;
    }
}

/// The slot that a vbucket has from the start.
pub(super) fn home(vb: VbId) -> usize {
    usize::from(vb.0)
}

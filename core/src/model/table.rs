//! A connection's slots.

use crate::producer::StreamTable;
use crate::stream::StreamWord;
use crate::types::VbId;

/// `StreamTable`.
#[derive(Debug)]
pub struct Table(StreamTable);

impl Table {
    /// A table for so many vbuckets.
    #[must_use]
    pub fn new(vbuckets: usize) -> Self {
        Self(StreamTable::new(vbuckets))
    }

    /// The word of a slot to open a stream in.
    #[must_use]
    pub fn word_for_open(&self, index: usize) -> Option<&StreamWord> {
        Some(&self.0.slot_for_open(index)?.word)
    }

    /// The number of the n-th further slot.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn further(&self, n: usize) -> usize {
        self.0.further(n).expect("there are so many")
    }

    /// The word of a further slot, which is put into its vbucket's chain.
    #[must_use]
    pub fn further_word(&self, index: usize, vb: VbId) -> Option<&StreamWord> {
        Some(&self.0.further_slot(index, vb)?.word)
    }

    /// The word of a slot that was made.
    #[must_use]
    pub fn word(&self, index: usize) -> Option<&StreamWord> {
        Some(&self.0.slot(index)?.word)
    }

    /// `StreamTable::for_vbucket`.
    pub fn for_vbucket(&self, vb: VbId, mut each: impl FnMut(usize, &StreamWord)) {
        self.0.for_vbucket(vb, |index, slot| each(index, &slot.word));
    }

    /// `StreamTable::close`; `each` is told of one stream at a time.
    pub fn close(&self, mut each: impl FnMut(usize)) -> usize {
        self.0.close(|first, ended| {
            (0..64).filter(|bit| ended >> bit & 1 != 0).for_each(|bit| each(first + bit));
        })
    }
}

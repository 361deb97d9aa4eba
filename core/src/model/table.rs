//! A connection's slots.

use crate::producer::StreamTable;
use crate::stream::StreamWord;

/// `StreamTable`.
#[derive(Debug)]
pub struct Table(StreamTable);

impl Table {
    /// A table of that many slots.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self(StreamTable::new(slots))
    }

    /// The word of a slot to open a stream in.
    #[must_use]
    pub fn word_for_open(&self, index: usize) -> Option<&StreamWord> {
        Some(&self.0.slot_for_open(index)?.word)
    }

    /// The word of a slot whose block was made.
    #[must_use]
    pub fn word(&self, index: usize) -> Option<&StreamWord> {
        Some(&self.0.slot(index)?.word)
    }

    /// `StreamTable::close`.
    pub fn close(&self, each: impl FnMut(usize)) -> usize {
        self.0.close(each)
    }
}

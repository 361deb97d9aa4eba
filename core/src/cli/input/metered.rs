//! A reader that counts, and that does not let one row take all memory.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::rc::Rc;

/// Counts what is read through it, and refuses to read on when too much was read for one row.
#[derive(Debug)]
pub(super) struct Metered<R> {
    source: R,
    meter: Meter,
}

/// What a [`Metered`] reader has read; shared with whoever holds the reader inside another.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Rc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    bytes: Cell<u64>,
    limit: Cell<Option<u64>>,
    /// The last byte of what was read before, and all that was read last.
    last: RefCell<Vec<u8>>,
}

impl<R> Metered<R> {
    pub(super) fn new(source: R) -> (Self, Meter) {
        let meter = Meter::default();
        (Self { source, meter: meter.clone() }, meter)
    }
}

impl Meter {
    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes.get()
    }

    /// Lets at most so many more bytes be read until the next call.
    pub(super) fn allow(&self, bytes: u64) {
        self.0.limit.set(Some(self.bytes().saturating_add(bytes)));
    }

    /// The byte in front of a place that is not before the last read.
    pub(super) fn byte_before(&self, place: u64) -> Option<u8> {
        let last = self.0.last.borrow();
        let ahead = usize::try_from(self.bytes().checked_sub(place)?).ok()?;
        last.get(last.len().checked_sub(ahead + 1)?).copied()
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let counts = &self.meter.0;
        if counts.limit.get().is_some_and(|limit| counts.bytes.get() >= limit) {
            return Err(io::Error::other(super::document::too_long()));
        }
        let read = self.source.read(buffer)?;
        counts.bytes.set(counts.bytes.get() + read as u64);
        let mut last = counts.last.borrow_mut();
        let kept = last.len().saturating_sub(1);
        last.drain(..kept);
        last.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

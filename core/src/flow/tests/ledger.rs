//! The window once more, as a list of what was sent and not yet acknowledged.

use std::collections::VecDeque;

/// Each byte range that is outstanding, oldest first.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) max: u64,
    pub(super) acked: u64,
    open: VecDeque<u64>,
}

impl Ledger {
    pub(super) fn new(max: u64) -> Self {
        Self { max, ..Self::default() }
    }

    pub(super) fn outstanding(&self) -> u64 {
        self.open.iter().sum()
    }

    pub(super) fn is_full(&self) -> bool {
        self.max > 0 && self.outstanding() >= self.max
    }

    pub(super) fn send(&mut self, bytes: u64) {
        if self.max > 0 {
            self.open.push_back(bytes);
        }
    }

    /// Takes acknowledged bytes off the oldest messages; returns those that were never sent.
    pub(super) fn ack(&mut self, bytes: u64) -> u64 {
        if self.max == 0 {
            return 0;
        }
        self.acked += bytes;
        let mut left = bytes;
        while left > 0 {
            let Some(oldest) = self.open.front_mut() else {
                break;
            };
            let part = left.min(*oldest);
            *oldest -= part;
            left -= part;
            if *oldest == 0 {
                self.open.pop_front();
            }
        }
        left
    }

    pub(super) fn resize(&mut self, max: u64) {
        self.max = max;
        if max == 0 {
            self.open.clear();
        }
    }
}

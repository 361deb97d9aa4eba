//! Choices that are part of the schedule, so that a replay makes them again.

use shuttle::rand::RngCore;

/// A number below `n`.
pub(crate) fn below(n: u64) -> u64 {
    shuttle::rand::thread_rng().next_u64() % n
}

/// True once in `n` times.
pub(crate) fn one_in(n: u64) -> bool {
    below(n) == 0
}

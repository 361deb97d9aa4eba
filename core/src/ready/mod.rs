//! Who has something to do, and who sleeps until there is: no flag is ever cleared after it was inspected.
#![forbid(unsafe_code)]

mod set;
mod wait;

#[cfg(test)]
mod tests;

pub use set::ReadySet;
pub use wait::{WaitList, Waiter, thread_waker};

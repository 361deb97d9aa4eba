//! The one facade for atomics, shared ownership, cells and threads: std's, or loom's under `cfg(millstream_loom)`, or
//! shuttle's under `cfg(millstream_shuttle)`. Another checker is one more file beside `plain.rs`, `model.rs` and
//! `schedules.rs` with the same names in it.
//!
//! Everything lock-free in the workspace takes its atomics from here, so that the code which is model-checked is the
//! code which is shipped.
//!
//! - [`UnsafeCell`] has loom's shape (`with`, `with_mut`) everywhere. A field that threads share without an atomic
//!   goes through it, or a model cannot see races on it.
//! - [`SwapOption`] is arc-swap's option cell over this facade's [`Arc`].
//! - [`AtomicWaker`] is atomic-waker's; for a model, its one word comes from loom.
//! - `thread_local!` is loom's in models: its values end with each execution.
//!
//! # Not promised
//! That constructors are `const`: in models they are not. Nor `get_mut` on atomics: use `load` where `&mut self`
//! proves that nobody else is left.
#![forbid(unsafe_code)]

#[cfg(not(millstream_loom))]
mod cell;
mod clock;
#[cfg(millstream_loom)]
mod model;
#[cfg(not(any(millstream_loom, millstream_shuttle)))]
mod plain;
#[cfg(millstream_shuttle)]
mod schedules;
mod tally;
#[cfg(not(millstream_shuttle))]
pub mod workers;

#[cfg(not(millstream_loom))]
pub use cell::UnsafeCell;
pub(crate) use clock::Clock;
#[cfg(millstream_loom)]
pub use model::{Arc, AtomicWaker, UnsafeCell, atomic, hint, thread, thread_local};
#[cfg(not(any(millstream_loom, millstream_shuttle)))]
pub use plain::{Arc, AtomicWaker, atomic, hint, thread, thread_local};
#[cfg(millstream_shuttle)]
pub use schedules::{Arc, AtomicWaker, atomic, hint, thread, thread_local, workers};
pub use tally::Tally;

/// arc-swap's cell for an optional value, over this facade's [`Arc`].
pub type SwapOption<T> = arc_swap::ArcSwapAny<Option<Arc<T>>>;

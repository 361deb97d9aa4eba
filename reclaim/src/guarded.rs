//! Running what the embedder brought along, so that a panic in it ends there.
#![forbid(unsafe_code)]

/// `None` when it panicked: the panic hook has told. One bad destructor must neither end the reaper's thread nor keep
/// the values behind it; one bad waker not whoever leaves.
#[cfg(not(millstream_loom))]
pub(crate) fn guarded<R>(run: impl FnOnce() -> R) -> Option<R> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).ok()
}

/// In models a panic is a failed check and goes on.
#[cfg(millstream_loom)]
pub(crate) fn guarded<R>(run: impl FnOnce() -> R) -> Option<R> {
    Some(run())
}

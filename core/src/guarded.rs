//! Running what the embedder brought along, so that a panic in it ends there.
#![forbid(unsafe_code)]

use std::any::Any;

/// What a panic left.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Runs `run`; a panic ends there. The panic hook has told of it.
#[cfg(not(millstream_loom))]
pub(crate) fn guarded<R>(run: impl FnOnce() -> R) -> Result<R, Panic> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
}

/// In models a panic is a failed check and goes on.
#[cfg(millstream_loom)]
pub(crate) fn guarded<R>(run: impl FnOnce() -> R) -> Result<R, Panic> {
    Ok(run())
}

/// What it said.
pub(crate) fn message(panic: &Panic) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

//! Writes the instrumented arc-swap: its locked, unmodified source with its atomics exchanged for loom's.

mod source;
mod substitutions;

pub(crate) use source::instrumented;

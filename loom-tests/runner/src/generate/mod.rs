//! Writes what stands in for two packages: their locked, unmodified sources with a few texts exchanged.

mod arc_swap;
mod loom;
mod source;
mod substitutions;

pub(crate) use source::{Generated, generated};

//! Files of documents: one a line as JSON, or one a row as CSV.
//!
//! Every fault names its line. A bad line costs that line alone: reading goes on behind it. Nothing is read ahead
//! but one buffer, and no line or row may be longer than the largest value.

mod csv;
mod document;
mod json;
mod metered;
mod ndjson;
mod source;

#[cfg(test)]
mod tests;

pub(super) use document::{BadLine, Document, Fault, Keys};
pub(super) use source::{Documents, Format, Place, Source, documents_of};

//! Scopes and collections: how documents name theirs, the manifest that lists them, and the system events that tell
//! streams of its changes.
//!
//! # Where a collection exists
//! The [`Manifest`] says which collections the bucket has; it is one published value. In each vbucket a collection
//! lives from its create event to its drop event, which are entries of that vbucket's history like any document, so
//! that every reader of the history learns of both at the right seqno. A writer takes its seqno first and then looks
//! whether the collection is being dropped (`table.rs`), so that no document follows its collection's drop event.
//!
//! # Orderings
//!
//! Of the files that have no table of their own.
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
#![forbid(unsafe_code)]

mod event;
mod flat;
mod key;
mod manifest;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use event::{MANIFEST_KEY, is_of_default, is_system, manifest_of};
pub use event::{SystemChange, SystemEvent};
pub(crate) use flat::flat;
pub use key::Key;
pub(crate) use key::QualifiedKey;
pub use manifest::{Collection, Manifest, ManifestFault, Scope};
pub(crate) use table::{CollectionTable, VbCollection};

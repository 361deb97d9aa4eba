//! Commands on documents and vbuckets: one file for each kind.

mod arithmetic;
mod collections;
mod compact;
mod concat;
mod delete;
mod expiry;
mod get;
mod locks;
mod observe;
mod random;
mod seqnos;
mod stats;
mod store;
mod touch;
mod value;
mod vbucket;
mod with_meta;
mod write;

#[cfg(test)]
mod tests;

pub(super) use arithmetic::arithmetic;
pub(super) use collections::{collection_id, manifest, manifest_json, scope_id};
pub(super) use compact::compact;
pub(super) use concat::concat;
pub(super) use delete::delete;
pub(super) use get::get;
pub(super) use locks::{read_and_lock, unlock};
pub(super) use observe::observe_seqno;
pub(super) use random::random;
pub(super) use seqnos::all_vb_seqnos;
pub(super) use stats::{StatWalk, stat};
pub(super) use store::store;
pub(super) use touch::{get_and_touch, touch};
pub(super) use vbucket::{VbChange, del_vbucket, set_vbucket, vbucket_state};
pub(super) use with_meta::{delete_with_meta, store_with_meta, version_of};

//! `millstream scope`, `millstream collection` and `millstream vbucket`: the manifest and the vbuckets of a running
//! server, through its management endpoints.

mod arguments;
mod http;
mod run;
mod vbucket;

#[cfg(test)]
mod tests;

pub(super) use arguments::{CollectionArguments, ScopeArguments};
pub(super) use run::{collection, scope};
pub(super) use vbucket::{VbucketArguments, vbucket};

//! `millstream scope` and `millstream collection`: the manifest of a running server, through its management endpoints.

mod arguments;
mod http;
mod run;

#[cfg(test)]
mod tests;

pub(super) use arguments::{CollectionArguments, ScopeArguments};
pub(super) use run::{collection, scope};

//! The management endpoints that clients of this protocol insist on, over HTTP on a port of their own.
//!
//! The same users as on the other port, by Basic authentication; without users nobody has to log in. One file for each
//! group of paths; `routes` says which path goes where. Only `scopes`
//! and `vbuckets` change anything.

mod answer;
mod buckets;
mod connection;
mod form;
mod guard;
mod host;
mod nodes;
mod pools;
mod routes;
mod samples;
mod scopes;
mod streaming;
mod vbuckets;

pub(super) use connection::serve;

//! STAT: names and values, a group at a time.
//!
//! | group | what |
//! |---|---|
//! | (none) | the server and its engine |
//! | `vbucket` | the state of each vbucket |
//! | `vbucket-details`, `vbucket-details N` | state, counts, seqnos and memory of each vbucket, or of one |
//! | `vbucket-seqno`, `vbucket-seqno N` | its seqnos |
//! | `failovers`, `failovers N` | its failover log |
//! | `dcp` | each DCP connection and its streams, then all together; a value says which and how they are wanted |
//! | `dcpagg`, `dcpagg SEPARATOR` | DCP connections summed up by what their names begin with |
//! | `collections`, `collections SCOPE.COLLECTION`, `collections-byid ID` | collections, or one |
//! | `scopes`, `scopes SCOPE`, `scopes-byid ID` | scopes, or one |
//! | `reset` | nothing; counts of commits and expired documents begin at 0 again |

mod aggregate;
mod asked;
mod connections;
mod general;
mod manifest;
mod streams;
mod text;
mod totals;
mod vbuckets;
mod walk;

#[cfg(test)]
mod tests;

pub(in crate::server) use walk::{StatWalk, stat};

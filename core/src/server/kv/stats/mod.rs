//! STAT: names and values, a group at a time.
//!
//! | group | what |
//! |---|---|
//! | (none) | the server and its engine |
//! | `vbucket` | the state of each vbucket |
//! | `vbucket-details`, `vbucket-details N` | state, counts, seqnos and memory of each vbucket, or of one |
//! | `vbucket-seqno`, `vbucket-seqno N` | its seqnos |
//! | `failovers`, `failovers N` | its failover log |
//! | `dcp` | each DCP connection and its streams |
//! | `dcpagg`, `dcpagg SEPARATOR` | DCP connections summed up by what their names begin with |

mod aggregate;
mod connections;
mod general;
mod vbuckets;
mod walk;

pub(in crate::server) use walk::{StatWalk, stat};

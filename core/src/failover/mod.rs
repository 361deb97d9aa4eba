//! The history of a vbucket as its branches, and whether a client may resume on one of them.
//!
//! A vbucket's history is a line of seqnos that forks when a node takes over without having seen
//! all of it. [`FailoverLog`] names the branches that the present history went through, [`decide`]
//! compares with it what a client says of itself, and answers whether the client goes on from where
//! it is or first has to go back.
//!
//! ```
//! use millstream::failover::{FailoverLog, RollbackQuery, Verdict, decide};
//! use millstream::types::{Seqno, VbUuid};
//!
//! // The vbucket lost everything above 300 and goes on as another branch, by now up to 350.
//! let mut log = FailoverLog::new(VbUuid(0xA), Seqno(0));
//! log.push(VbUuid(0xB), Seqno(300));
//!
//! // A client that saw 310 of the first branch goes back to what both share.
//! let mut query = RollbackQuery::at(Seqno(310), VbUuid(0xA), Seqno(350));
//! assert_eq!(decide(&log, &query).rollback_to(), Some(Seqno(300)));
//!
//! // One that saw only 290 of it may go on.
//! query = RollbackQuery::at(Seqno(290), VbUuid(0xA), Seqno(350));
//! assert!(decide(&log, &query).is_accept());
//! ```
#![forbid(unsafe_code)]

mod log;
mod rollback;
mod uuid;

pub use log::{FailoverLog, Sanitised};
pub use rollback::{
    BackfillQuery, RollbackQuery, Rule, Verdict, decide, exempt_by_filter, purge_forbids_backfill,
};
pub use uuid::random_uuid;

#[cfg(test)]
mod tests;

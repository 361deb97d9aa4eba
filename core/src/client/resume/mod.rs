//! Where a stream was, kept so that it goes on there: a token for each vbucket, a file for all of them.

mod checkpoint;
mod token;

pub use checkpoint::Checkpoint;
pub use token::{ResumeToken, newest_entry_at};

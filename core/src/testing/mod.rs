//! What tests of engines, servers and clients need: judges that do not trust what they are shown, and frames that
//! nobody should trust.
#![forbid(unsafe_code)]

pub mod frames;
pub mod oracle;

#[cfg(feature = "server")]
pub use crate::server::offline::{Conversation, Offline};

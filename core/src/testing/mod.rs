//! What tests of engines, servers and clients need: judges that do not trust what they are shown, frames that nobody
//! should trust, and a store that does what a test wants.
#![forbid(unsafe_code)]

pub mod frames;
pub mod oracle;
pub mod store;

#[cfg(feature = "server")]
pub use crate::server::offline::{Conversation, Offline};

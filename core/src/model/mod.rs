//! What the model checks reach of the crate's private types. Each is wrapped with calls that only pass on: the code
//! that a model runs is the code that ships, and no algorithm lives here.
#![forbid(unsafe_code)]

mod backfill;
mod connection;
mod engine;
mod key;
mod partition;
mod table;

pub use backfill::{Backfills, Delivered, Exclusive, Gate, Outbox, OutboxFeed, Queue, outbox};
pub use connection::{Connection, ConnectionMap};
pub use engine::{
    Asked, Bare, Registered, Signal, ask_flusher, is_flusher_stopped, open, set_flusher_stopped,
};
pub use key::{Key, Seen, Version, trim};
pub use partition::{Collection, Gathered, Partition};
pub use table::Table;

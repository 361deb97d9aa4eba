//! The embedder's face: open an engine over a store, write through a [`Session`], stream through a
//! [`Producer`](crate::producer::Producer), close from any thread.

mod clock;
mod facade;
mod flusher;
mod housekeeper;
mod parts;
mod session;
mod settings;
mod shutdown;
mod signal;
mod start;
mod states;
mod stats;

#[cfg(test)]
mod tests;

pub use clock::{Clock, SystemClock};
pub use facade::Engine;
pub(crate) use parts::EngineParts;
pub use session::{Fetched, NotInMemory, Session};
pub use settings::EngineSettings;
pub use shutdown::{Quiesce, ShutdownReport};
pub use signal::{Flushed, Persisted, PersistedAll};
pub use start::EngineBuilder;
pub use stats::{
    BackfillSnapshot, ConnectionSnapshot, EngineStats, StreamSnapshot, VbucketStats,
};

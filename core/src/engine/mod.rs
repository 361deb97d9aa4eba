//! The embedder's face: open an engine over a store, write through a [`Session`], stream through a
//! [`Producer`](crate::producer::Producer), close from any thread.
#![forbid(unsafe_code)]

//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | counters, connection numbers | Relaxed | none | nothing: statistics, and numbers that only have to differ | none |
//! | G1 | how often a signal was told | Release / Acquire | itself | somebody who waits takes an old telling for a new one | `engine::signal` |
//! | G2 | a signal: fence between registering and looking, and between the change and the look for who waits | SeqCst fence | itself | both miss each other: asleep for ever | `engine::signal` |
//! | G3 | how often a signal's list was taken, raised after that and read before a registration | Release / Acquire | itself | a registration that was taken passes for one that is still there: asleep for ever | `engine::renewed` |
//! | H1 | the engine stops | AcqRel / Acquire | itself | a worker that sees it misses what came before, such as the closed logs | `engine::stop_is_seen` |
//! | H2 | the flusher has stopped | Release / Acquire | itself | who waits for a commit misses the last one | `engine::last_commit_is_seen` |
//! | H3 | the report is there | Release / Acquire | itself | nothing while the lock of the report orders both: who finds the flag took that lock after it was written | none: see What is not verified |
//! | F1 | a change of state: fence between the new state and the look for streams | SeqCst fence | F1 of `producer/requests.rs` | a stream validated against the old state outlives the change; the model finds the second look missing, and not the fence (see What is not verified) | `producer::state_change_vs_request` |
//! | R1 | a rollback: fence between the new history and the look whether the engine stops | SeqCst fence | the fence of the flusher's pin | a log that nobody persists any more takes writes | none: see What is not verified |
//! | R2 | a rollback: fence between asking the flusher and the look whether it has stopped | SeqCst fence | itself, in `set_stopped` | who asks too late waits for an answer for ever; the model finds the second look missing, and not the fence (see What is not verified) | `engine::ask_vs_stop` |

mod catch_up;
mod clock;
mod collections;
mod draw;
mod facade;
mod flusher;
mod housekeeper;
mod locks;
mod parts;
mod purge;
mod rollback;
mod session;
mod settings;
mod shutdown;
mod signal;
mod start;
mod states;
mod stats;
mod write_batch;

#[cfg(test)]
mod tests;

pub use crate::conn::ConnectionSettings;
pub use catch_up::CaughtUp;
pub use clock::{Clock, SystemClock};
pub use draw::Drawn;
pub use facade::Engine;
pub(crate) use parts::EngineParts;
pub use purge::{PurgeBounds, Purged};
pub use session::{Fetched, NotInMemory, Session};
pub use settings::EngineSettings;
pub use shutdown::{Quiesce, ShutdownReport};
#[cfg(millstream_loom)]
pub(crate) use signal::{CommitSignal, Registration};
pub use signal::{Flushed, Persisted, PersistedAll, StatePersisted, StatesChanged};
pub use start::EngineBuilder;
pub use stats::{
    BackfillSnapshot, ConnectionSnapshot, EngineStats, StateStats, StreamDetails, StreamSnapshot,
    VbucketStats,
};

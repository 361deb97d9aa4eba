//! What the benches have an engine do, and whom they ask: [`Millstream`], and the
//! [lock baseline](crate::baseline::Locked). Both do all of it: key index, seqno, publication, snapshots, state check,
//! flow control with acknowledgements, a sink that looks at every value.

mod documents;
mod encoder;
mod engine;
mod fleet;
mod flow;
mod forgetful;
mod ours;
mod received;

pub use documents::{Documents, value_of};
pub use encoder::Encoder;
pub use engine::{Closer, Connection, Streaming, Writer};
pub use fleet::Fleet;
pub use flow::{ACK_SHARE, TURN_BYTES, WINDOW_BYTES};
pub use forgetful::Forgetful;
pub use ours::{Millstream, OurCloser, OurConnection, OurWriter, block_on};
pub use received::{Received, touch};

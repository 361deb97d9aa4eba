//! Servers beside ours, over loopback TCP: what a user would take instead.
//!
//! Each peer is started from its package, on a port of its own, without anything that only costs time; one that is not
//! installed is left out, and said so. The clients are bare sockets, which write and read the peers' protocols
//! pipelined and do nothing else, so that the peers are shown at their best; ours streams through [`DcpClient`] as
//! everybody's does. Peers and ours take turns, pass by pass; a figure is the median of the passes, a ratio that of
//! the passes' ratios.
//!
//! Processor time is the server's own, by the operating system's count of its threads.
//!
//! [`DcpClient`]: millstream::client::DcpClient

mod arguments;
mod memcached;
mod nats;
mod ours;
mod passes;
mod postgres;
mod process;
mod redis;
mod run;
mod wire;

pub use arguments::{Arguments, Question};
pub use run::measure;

//! The connection without its streams.

mod peers;
mod table;

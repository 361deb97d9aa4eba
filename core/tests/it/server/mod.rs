//! The server as its clients see it: real sockets, frames made by the codec.

mod client;
mod dcp;
mod requests;
mod running;

mod dcp_stream;
mod kv_semantics;

//! The server: the memcached binary protocol and DCP on one TCP port.
//!
//! [`Server::bind`] takes a running [`Engine`](crate::Engine) and [`ServerSettings`]; [`Server::run`] accepts clients
//! until it is told to stop. Each client has one task: it reads requests as they come, in order, answers into one
//! buffer, lets the connection's [`Producer`](crate::producer::Producer) append stream messages to it, and writes it
//! out in large pieces. Back-pressure is the same everywhere: what does not fit the buffer is not made.
//!
//! # What it speaks
//!
//! | group | commands |
//! |---|---|
//! | connection | HELLO, SASL_LIST_MECHS, SASL_AUTH (PLAIN, SCRAM-SHA1, -SHA256, -SHA512), SASL_STEP, SELECT_BUCKET, GET_CLUSTER_CONFIG, GET_ERROR_MAP, VERSION, NOOP, QUIT, STAT |
//! | documents | GET, GETK, SET, ADD, REPLACE, DELETE, APPEND, PREPEND, INCREMENT, DECREMENT and their quiet forms, TOUCH, GAT, GATQ |
//! | vbuckets | OBSERVE_SEQNO, GET_ALL_VB_SEQNOS |
//! | DCP | OPEN, CONTROL, STREAM_REQ, CLOSE_STREAM, GET_FAILOVER_LOG, BUFFER_ACK, NOOP |
//!
//! A feature of HELLO, a flag or a control that is not built is refused, never accepted and ignored.
//!
//! The management endpoints that clients insist on are served over HTTP on a second port, if the settings name one;
//! each of the two may have an encrypted port beside it.
//!
//! # When a write is answered
//! See [`AckMode`].
#![forbid(unsafe_code)]

mod auth;
mod call;
mod cluster_config;
mod connection;
mod dcp;
mod dispatch;
mod door;
mod error_map;
mod http;
mod kv;
mod listener;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod offline;
mod output;
mod peer;
mod scram;
mod settings;
mod setup;
mod shared;
mod status;
mod suspended;
mod timer;
mod turn;
mod withheld;

#[cfg(test)]
mod tests;

pub use crate::tls::TlsIdentity;
pub use listener::Server;
pub use settings::{AckMode, Secret, ServerSettings, User};

//! Clients: documents in ([`KvClient`]), changes out ([`DcpClient`]).
//!
//! Both run on tokio, over TCP (encrypted or not) or any other byte stream, and use only the messages of
//! [`crate::wire`]. [`ResumeToken`] and [`Checkpoint`] remember where a stream was, so that it goes on there after
//! anything.
//!
//! Errors are [`crate::Error`]; each names the host, the step and, if the server refused, the status, which
//! [`status_of`] finds again.
#![forbid(unsafe_code)]

mod bootstrap;
mod config;
mod connection;
mod dcp;
mod failure;
mod kv;
mod link;
mod resume;
mod settings;

#[cfg(test)]
mod tests;

#[cfg(feature = "cli")]
pub(crate) use crate::tls::connect as tls_socket;
pub use crate::tls::{Socket, TlsTrust};
pub use connection::Connection;
pub use dcp::{
    DcpClient, DcpSettings, Document, Event, FlowWindow, LentDocument, LentEvent, Priority,
    StreamFrom, StreamOptions, SystemChange,
};
pub use failure::status_of;
pub use kv::{BulkProgress, BulkReport, Counted, Got, KvClient, NotStored, WriteOptions, Written};
pub use resume::{Checkpoint, ResumeToken, newest_entry_at};
pub use settings::{ConnectSettings, Credentials};

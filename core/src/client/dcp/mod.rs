//! Changes: a DCP connection, its streams, and what they bring.

mod client;
mod controls;
mod event;
mod lent;
mod progress;
mod questions;
mod settings;
mod stream_from;
mod streams;
mod window;

pub use client::DcpClient;
pub use event::{Document, Event, SystemChange};
pub use lent::{LentDocument, LentEvent};
pub use settings::{DcpSettings, Priority};
pub use stream_from::{StreamFrom, StreamOptions};
pub use window::FlowWindow;

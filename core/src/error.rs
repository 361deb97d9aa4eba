//! The one public error, sorted by what its reader does next.
#![forbid(unsafe_code)]

use crate::types::Seqno;
use core::fmt;
use std::borrow::Cow;

/// What went wrong, opaque but for its [`ErrorKind`] and its text.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Try again later: a limit was reached.
    Retry,
    /// Go back to this seqno and ask again.
    Rollback {
        /// The newest seqno that both sides share.
        to: Seqno,
    },
    /// The caller asked for something that cannot be.
    Misuse,
    /// The other side of a connection broke the protocol.
    Peer,
    /// Stored data is damaged.
    Corrupt,
    /// The engine, connection or stream is closed.
    Closed,
    /// Something outside (disk, network, another process) refused.
    Unavailable,
}

impl Error {
    /// An error of a kind, with the sentence that explains it.
    pub fn new(kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, what: what.into(), source: None }
    }

    /// The same with the error that caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What to do next.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence, without the cause.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.source {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

/// Shorthand for results with [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl From<millstream_reclaim::Backlogged> for Error {
    fn from(backlogged: millstream_reclaim::Backlogged) -> Self {
        Self::new(ErrorKind::Retry, "too much waits for reclamation").because(backlogged)
    }
}

impl From<millstream_reclaim::ReplaceError> for Error {
    fn from(error: millstream_reclaim::ReplaceError) -> Self {
        let kind = match error {
            millstream_reclaim::ReplaceError::Closed => ErrorKind::Closed,
            _ => ErrorKind::Retry,
        };
        Self::new(kind, "a published value could not be replaced").because(error)
    }
}

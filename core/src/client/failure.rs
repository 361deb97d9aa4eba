//! Errors of the clients: host, step, and what went wrong. The one place where a status becomes a kind.

use crate::error::{Error, ErrorKind};
use crate::wire::{MalformedFrame, Opcode, Status, WireError};
use std::error::Error as _;
use std::io;

/// The status with which the server refused, if that is what the error is about.
#[must_use]
pub fn status_of(error: &Error) -> Option<Status> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(WireError::Refused { status, .. }) = error.downcast_ref() {
            return Some(*status);
        }
        cause = error.source();
    }
    None
}

/// The server refused.
pub(super) fn refused(peer: &str, opcode: Opcode, status: Status) -> Error {
    let kind = match status {
        Status::EBUSY
        | Status::ETMPFAIL
        | Status::ENOMEM
        | Status::NOT_INITIALIZED
        | Status::LOCKED => ErrorKind::Retry,
        Status::NOT_MY_VBUCKET | Status::EINTERNAL => ErrorKind::Unavailable,
        _ => ErrorKind::Misuse,
    };
    Error::new(kind, peer.to_owned()).because(WireError::Refused { opcode, status })
}

/// The server sent something that cannot be.
pub(super) fn malformed(peer: &str, why: WireError) -> Error {
    match why {
        WireError::Refused { opcode, status } => refused(peer, opcode, status),
        why => Error::new(ErrorKind::Peer, format!("{peer} sent a message that makes no sense"))
            .because(why),
    }
}

/// The server sent something else that cannot be.
pub(super) fn nonsense(peer: &str, what: &str) -> Error {
    Error::new(ErrorKind::Peer, format!("{peer}: {what}"))
}

/// The server took too long. The cause says so too, to whoever tells this apart from other failures.
pub(super) fn timed_out(peer: &str, step: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{peer}: {step}"))
        .because(io::Error::from(io::ErrorKind::TimedOut))
}

/// The server has not given a sign of life for so long that it is taken for dead.
pub(super) fn silent(peer: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{peer} is silent"))
        .because(io::Error::from(io::ErrorKind::TimedOut))
}

/// Why nothing more can be sent or received.
#[derive(Debug)]
pub(super) enum Broken {
    /// The byte stream failed or ended.
    Io(io::Error),
    /// What came is not the protocol.
    Frame(MalformedFrame),
}

impl Broken {
    /// As an error that names the host and what was going on.
    pub(super) fn during(self, peer: &str, step: &str) -> Error {
        match self {
            Self::Io(e) if is_closed(&e) => {
                Error::new(ErrorKind::Closed, format!("{peer} closed the connection during {step}"))
            }
            Self::Io(e) => {
                Error::new(ErrorKind::Unavailable, format!("{peer}: {step} failed")).because(e)
            }
            Self::Frame(malformed) => {
                let what = format!("{peer} sent a malformed message during {step}");
                Error::new(ErrorKind::Peer, what).because(malformed.error)
            }
        }
    }
}

/// Whether the other side hung up, whichever way we noticed.
fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

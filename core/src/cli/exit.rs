//! How the program ends: an exit code, and the sentence that goes with it.

use crate::client::ConnectSettings;
use crate::error::{Error, ErrorKind};
use crate::wire::{Opcode, Status, WireError};
use core::fmt;
use std::error::Error as StdError;
use std::io;
use std::process::ExitCode;

/// What went wrong, for the person or the program that ran this one.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: String,
}

/// The exit codes, besides 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// It did not work.
    Failed = 1,
    /// It was called wrongly.
    Usage = 2,
    /// A stream has to go back, and was told not to.
    Rollback = 3,
    /// The server wants another user or password.
    Login = 4,
    /// Somebody took too long.
    TimedOut = 5,
}

/// The codes as `--help` shows them.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed; the message says what and where
  2  called wrongly
  3  a stream has to go back, and --on-rollback is `fail`
  4  the server refused the user or the password
  5  timed out";

impl Failure {
    pub(super) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into() }
    }

    pub(super) fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    pub(super) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// A connection could not be set up. A bucket that does not exist is refused as one that wants a login: whoever has
    /// logged in can tell.
    pub(super) fn connecting(settings: &ConnectSettings, error: Error) -> Self {
        let refused =
            Some(&WireError::Refused { opcode: Opcode::SELECT_BUCKET, status: Status::EACCESS });
        if settings.credentials.is_some() && cause::<WireError>(&error) == refused {
            return Self::failed(format!("{error}{BUCKET_HINT}"));
        }
        error.into()
    }

    /// The same, with what had been done before.
    pub(super) fn after(self, done: &str) -> Self {
        Self { what: format!("{}; {done}", self.what), ..self }
    }

    #[cfg(test)]
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// The exit code.
    #[must_use]
    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (exit, hint) = match cause::<WireError>(&error) {
            Some(WireError::Refused { opcode, status }) => of_refusal(*opcode, *status),
            _ if timed_out(&error) => (Exit::TimedOut, ""),
            _ => (of_kind(error.kind()), hint_for(&error)),
        };
        Self::new(exit, format!("{error}{hint}"))
    }
}

const LOGIN_HINT: &str =
    "; log in with --user NAME and the password in MILLSTREAM_PASSWORD or --password-file";

const BUCKET_HINT: &str = "; the server has no bucket of that name";
const BUCKET_OR_LOGIN_HINT: &str = "; there is no bucket of that name, or log in with --user NAME \
     and the password in MILLSTREAM_PASSWORD or --password-file";

fn of_refusal(opcode: Opcode, status: Status) -> (Exit, &'static str) {
    match (opcode, status) {
        (Opcode::SELECT_BUCKET, Status::EACCESS) => (Exit::Login, BUCKET_OR_LOGIN_HINT),
        (_, Status::EACCESS) => (Exit::Login, LOGIN_HINT),
        (Opcode::SASL_AUTH, _) | (_, Status::AUTH_ERROR | Status::AUTH_STALE) => (Exit::Login, ""),
        (Opcode::SELECT_BUCKET, Status::KEY_ENOENT) => (Exit::Failed, BUCKET_HINT),
        _ => (Exit::Failed, ""),
    }
}

fn of_kind(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Rollback { .. } => Exit::Rollback,
        _ => Exit::Failed,
    }
}

fn hint_for(error: &Error) -> &'static str {
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "; is a server running there?",
        _ => "",
    }
}

fn timed_out(error: &Error) -> bool {
    cause::<io::Error>(error).is_some_and(|e| e.kind() == io::ErrorKind::TimedOut)
}

/// The first cause of this type.
pub(super) fn cause<T: StdError + 'static>(error: &Error) -> Option<&T> {
    let mut next = error.source();
    while let Some(at) = next {
        if let Some(found) = at.downcast_ref() {
            return Some(found);
        }
        next = at.source();
    }
    None
}

/// Something could not be read or written.
pub(super) fn io_failure(what: impl fmt::Display, error: &io::Error) -> Failure {
    Failure::failed(format!("{what}: {error}"))
}

//! What the database and the file system say, as errors of ours.

use crate::error::{Error, ErrorKind, Result};
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The error of a database call: damage if the bytes are wrong, otherwise something outside that refused.
pub(super) fn fault(what: &str, cause: fjall::Error) -> Error {
    use fjall::Error as E;
    let kind = match &cause {
        E::Io(e) | E::Storage(fjall::LsmError::Io(e)) => io_kind(e),
        E::Poisoned => {
            return Error::new(
                ErrorKind::Unavailable,
                format!("{what}: a write failed before; the store has to be opened again"),
            );
        }
        E::Locked => ErrorKind::Unavailable,
        _ => ErrorKind::Corrupt,
    };
    Error::new(kind, what.to_owned()).because(cause)
}

/// The error of a file operation.
pub(super) fn io_fault(what: &str, path: &Path, cause: io::Error) -> Error {
    let kind = io_kind(&cause);
    Error::new(kind, format!("cannot {what} {}", path.display())).because(cause)
}

/// Runs something that calls the database, and turns a panic of it into an error: the database checks some of
/// what it reads with assertions.
pub(super) fn no_panic<T>(what: &str, call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let said = message(&*panic);
        Err(Error::new(ErrorKind::Corrupt, format!("{what}: the database gave up: {said}")))
    })
}

/// An end of file is a file that was cut off; the rest may pass.
fn io_kind(e: &io::Error) -> ErrorKind {
    match e.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::InvalidData
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::NotFound => ErrorKind::Corrupt,
        _ => ErrorKind::Unavailable,
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it panicked")
}

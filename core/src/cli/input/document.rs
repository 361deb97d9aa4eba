//! What a line becomes, and what can be wrong with it.

use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use core::fmt;
use std::io;

/// A document to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// The line that it began on, counted from 1.
    pub(crate) line: u64,
    pub(crate) key: Vec<u8>,
    /// JSON.
    pub(crate) value: Vec<u8>,
}

/// A line that is no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// Counted from 1.
    pub(crate) line: u64,
    pub(crate) what: String,
}

/// Why there is no next document.
#[derive(Debug)]
pub(crate) enum Fault {
    /// This line is bad; the next may be good.
    BadLine(BadLine),
    /// The file as a whole cannot be read further.
    Unreadable(BadLine),
}

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// The column, or member, that has the key; `None`: the number of the line is the key.
    pub(crate) column: Option<String>,
    /// What every key begins with.
    pub(crate) prefix: String,
}

impl Keys {
    /// The document of a line, once its column has been read.
    pub(super) fn document(
        &self,
        line: u64,
        column: Option<String>,
        value: Vec<u8>,
    ) -> Result<Document, BadLine> {
        let bad = |what: String| Err(BadLine { line, what });
        let rest = column.unwrap_or_else(|| line.to_string());
        let key = format!("{}{rest}", self.prefix).into_bytes();
        if key.is_empty() {
            return bad("the key is empty".into());
        }
        if key.len() > KEY_BYTES_MAX {
            let what =
                format!("the key has {} bytes, at most {KEY_BYTES_MAX} are possible", key.len());
            return bad(what);
        }
        if value.len() > VALUE_BYTES_MAX {
            return bad(too_long());
        }
        Ok(Document { line, key, value })
    }
}

impl Fault {
    /// The file cannot be read further, from this line on.
    pub(super) fn unreadable(line: u64, error: &io::Error) -> Self {
        Self::Unreadable(BadLine { line, what: error.to_string() })
    }
}

impl From<BadLine> for Fault {
    fn from(bad: BadLine) -> Self {
        Self::BadLine(bad)
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A line, row or value that is too long.
pub(super) fn too_long() -> String {
    format!("longer than {} MiB, the largest value", VALUE_BYTES_MAX >> 20)
}

//! A file of documents, whatever its format.

use super::csv::Csv;
use super::document::{BadLine, Document, Fault, Keys};
use super::ndjson::Ndjson;
use crate::cli::exit::{Failure, io_failure};
use clap::ValueEnum;
use core::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How documents are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON value a line
    Ndjson,
    /// One row a document; the first row names the columns
    Csv,
}

/// A file that is about to be read, or standard input.
#[derive(Debug)]
pub(crate) struct Source {
    place: Place,
    format: Format,
    file: Option<File>,
    bytes: Option<u64>,
}

/// Where documents come from, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// The documents of a source.
pub(crate) enum Documents {
    Ndjson(Ndjson<Box<dyn Read>>),
    Csv(Csv<Box<dyn Read>>),
}

impl Source {
    /// Opens a file, or standard input if its name is `-`; the format follows from the file's name unless it is
    /// given.
    pub(crate) fn open(path: &Path, format: Option<Format>) -> Result<Self, Failure> {
        let place = if path.as_os_str() == "-" { Place::Stdin } else { Place::File(path.into()) };
        let format = match format.or_else(|| Format::of(path)) {
            Some(format) => format,
            None => {
                let what = format!(
                    "{place}: its name does not say what it holds; give --format ndjson or csv"
                );
                return Err(Failure::usage(what));
            }
        };
        let Place::File(path) = &place else {
            return Ok(Self { place, format, file: None, bytes: None });
        };
        let failed = |error| io_failure(format_args!("cannot read {}", path.display()), &error);
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.is_dir() {
            return Err(Failure::failed(format!("cannot read {}: it is a folder", path.display())));
        }
        let bytes = about.is_file().then_some(about.len());
        Ok(Self { place, format, file: Some(file), bytes })
    }

    /// Its name.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Its size, if that is known before it is read.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Begins to read it; what this answers stays on the thread that called it.
    pub(crate) fn read(self, keys: &Keys) -> Result<Documents, Fault> {
        let reader: Box<dyn Read> = match self.file {
            Some(file) => Box::new(file),
            None => Box::new(io::stdin().lock()),
        };
        Ok(match self.format {
            Format::Ndjson => Documents::Ndjson(Ndjson::new(reader)),
            Format::Csv => Documents::Csv(Csv::new(reader, keys)?),
        })
    }
}

/// The documents of a text that is at hand, as lines of JSON.
pub(crate) fn documents_of(text: &[u8], keys: &Keys) -> Result<Vec<Document>, BadLine> {
    let mut lines = Ndjson::new(text);
    let mut documents = Vec::new();
    loop {
        match lines.next(keys) {
            Ok(Some(document)) => documents.push(document),
            Ok(None) => return Ok(documents),
            Err(Fault::BadLine(line) | Fault::Unreadable(line)) => return Err(line),
        }
    }
}

impl Documents {
    /// The next document; `None` at the end.
    pub(crate) fn next(&mut self, keys: &Keys) -> Result<Option<Document>, Fault> {
        match self {
            Self::Ndjson(lines) => lines.next(keys),
            Self::Csv(rows) => rows.next(keys),
        }
    }

    /// Whether everything that was read from the source was handed out, so that the next read may wait.
    pub(crate) fn is_drained(&self) -> bool {
        match self {
            Self::Ndjson(lines) => lines.is_drained(),
            Self::Csv(rows) => rows.is_drained(),
        }
    }

    /// Bytes of the source that were handed out.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Ndjson(lines) => lines.bytes(),
            Self::Csv(rows) => rows.bytes(),
        }
    }
}

impl Format {
    /// By the end of a file's name.
    fn of(path: &Path) -> Option<Self> {
        let end = path.extension()?.to_str()?.to_ascii_lowercase();
        match end.as_str() {
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stdin => f.write_str("standard input"),
        }
    }
}

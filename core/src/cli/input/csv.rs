//! Rows of CSV, which become JSON objects of texts.

use super::document::{BadLine, Document, Fault, Keys};
use super::metered::{Meter, Metered};
use crate::limits::VALUE_BYTES_MAX;
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::io::{self, Read};

/// Reads documents from rows of CSV; the first row names the columns.
///
/// Every value becomes a text, as nothing says that a column of digits holds numbers: postcodes begin with 0.
#[derive(Debug)]
pub(crate) struct Csv<R> {
    reader: Reader<Metered<R>>,
    meter: Meter,
    row: ByteRecord,
    /// Each with its quotes and colon, ready to be written before a value.
    names: Vec<Vec<u8>>,
    /// Which column has the key.
    key: Option<usize>,
}

impl<R: Read> Csv<R> {
    pub(super) fn new(source: R, keys: &Keys) -> Result<Self, Fault> {
        let (source, meter) = Metered::new(source);
        meter.allow(ROW_BYTES_MAX);
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(source);
        let header = reader.byte_headers().map_err(|e| fault(1, e))?.clone();
        if header.is_empty() {
            return Err(first_line("there is no row that names the columns".into()));
        }
        let columns = columns(&header).map_err(first_line)?;
        let key = match &keys.column {
            None => None,
            Some(wanted) => match columns.iter().position(|name| name == wanted) {
                Some(at) => Some(at),
                None => {
                    let what =
                        format!("there is no column \"{wanted}\", only {}", columns.join(", "));
                    return Err(first_line(what));
                }
            },
        };
        let names = columns.iter().map(|name| {
            let mut name = serde_json::Value::from(name.as_str()).to_string().into_bytes();
            name.push(b':');
            name
        });
        let names = names.collect();
        Ok(Self { reader, meter, row: ByteRecord::new(), names, key })
    }

    pub(super) fn next(&mut self, keys: &Keys) -> Result<Option<Document>, Fault> {
        self.meter.allow(ROW_BYTES_MAX);
        let begins = self.next_line();
        let read = self.reader.read_byte_record(&mut self.row);
        if !read.map_err(|e| fault(begins, e))? {
            return Ok(None);
        }
        Ok(Some(self.document(self.line_of_row(), keys)?))
    }

    /// Whether everything that was read from the source was handed out, so that the next read may wait.
    pub(super) fn is_drained(&self) -> bool {
        self.bytes() == self.meter.bytes()
    }

    /// Bytes handed out.
    pub(super) fn bytes(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The line on which the next row begins, or an empty line before it.
    ///
    /// The parser stops a row at a carriage return, and counts the line when it sees the line feed behind it.
    fn next_line(&self) -> u64 {
        let place = self.reader.position();
        place.line() + u64::from(self.meter.byte_before(place.byte()) == Some(b'\r'))
    }

    /// The line on which the row that was just read begins: where it ends, less the line feeds in its values.
    fn line_of_row(&self) -> u64 {
        let place = self.reader.position();
        let behind = u64::from(self.meter.byte_before(place.byte()) == Some(b'\n'));
        let inside = self.row.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
        place.line().saturating_sub(behind + inside)
    }

    fn document(&self, line: u64, keys: &Keys) -> Result<Document, BadLine> {
        let (found, wanted) = (self.row.len(), self.names.len());
        if found != wanted {
            let what = format!("{found} values, but the first row names {wanted} columns");
            return Err(BadLine { line, what });
        }
        let mut value = b"{".to_vec();
        for (at, (name, field)) in self.names.iter().zip(&self.row).enumerate() {
            if at > 0 {
                value.push(b',');
            }
            value.extend_from_slice(name);
            let text = text(line, at, field)?;
            serde_json::to_writer(&mut value, text)
                .map_err(|e| BadLine { line, what: e.to_string() })?;
        }
        value.push(b'}');
        let column = match self.key {
            Some(at) => Some(text(line, at, &self.row[at])?.to_owned()),
            None => None,
        };
        keys.document(line, column, value)
    }
}

/// The names of the columns.
fn columns(header: &ByteRecord) -> Result<Vec<String>, String> {
    let mut columns: Vec<String> = Vec::with_capacity(header.len());
    for (at, name) in header.iter().enumerate() {
        let place = at + 1;
        let name = core::str::from_utf8(name)
            .map_err(|_| format!("the name of column {place} is not UTF-8"))?;
        if let Some(first) = columns.iter().position(|other| other == name) {
            return Err(format!("columns {} and {place} are both called \"{name}\"", first + 1));
        }
        columns.push(name.to_owned());
    }
    Ok(columns)
}

fn text(line: u64, at: usize, field: &[u8]) -> Result<&str, BadLine> {
    core::str::from_utf8(field)
        .map_err(|_| BadLine { line, what: format!("the value of column {} is not UTF-8", at + 1) })
}

fn first_line(what: String) -> Fault {
    Fault::Unreadable(BadLine { line: 1, what })
}

/// Whatever the parser reports: rows of any length are allowed, so only reading can fail.
fn fault(line: u64, error: csv::Error) -> Fault {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Fault::unreadable(line, &error),
        other => Fault::unreadable(line, &io::Error::other(format!("{other:?}"))),
    }
}

/// A row that goes on for longer has a quote too many or too few. The reader's buffer comes on top.
const ROW_BYTES_MAX: u64 = VALUE_BYTES_MAX as u64;

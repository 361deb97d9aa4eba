//! One JSON value a line.

use super::document::{BadLine, Document, Fault, Keys, too_long};
use super::json;
use super::metered::{Meter, Metered};
use crate::limits::VALUE_BYTES_MAX;
use std::io::{self, BufRead, BufReader, Read};

/// Reads documents from lines of JSON. Lines of nothing but space are passed over.
#[derive(Debug)]
pub(crate) struct Ndjson<R> {
    reader: BufReader<Metered<R>>,
    meter: Meter,
    line: u64,
    text: Vec<u8>,
}

impl<R: Read> Ndjson<R> {
    pub(super) fn new(source: R) -> Self {
        let (source, meter) = Metered::new(source);
        Self {
            reader: BufReader::with_capacity(BUFFER_BYTES, source),
            meter,
            line: 0,
            text: Vec::new(),
        }
    }

    pub(super) fn next(&mut self, keys: &Keys) -> Result<Option<Document>, Fault> {
        loop {
            self.line += 1;
            let line = self.line;
            if !self.read_line().map_err(|e| Fault::unreadable(line, &e))? {
                return Ok(None);
            }
            if self.text.len() > VALUE_BYTES_MAX {
                return Err(BadLine { line, what: too_long() }.into());
            }
            let text = match core::str::from_utf8(&self.text) {
                Ok(text) => text.trim(),
                Err(e) => {
                    let what = format!("not UTF-8 at byte {}", e.valid_up_to() + 1);
                    return Err(BadLine { line, what }.into());
                }
            };
            if !text.is_empty() {
                return Ok(Some(document(line, text, keys)?));
            }
        }
    }

    /// Whether everything that was read from the source was handed out, so that the next read may wait.
    pub(super) fn is_drained(&self) -> bool {
        self.reader.buffer().is_empty()
    }

    /// Bytes handed out.
    pub(super) fn bytes(&self) -> u64 {
        self.meter.bytes() - self.reader.buffer().len() as u64
    }

    /// Reads a line, its end left out; false at the end of the file. Of a line that is too long, only the beginning
    /// is kept.
    fn read_line(&mut self) -> io::Result<bool> {
        self.text.clear();
        let mut any = false;
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if buffer.is_empty() {
                break;
            }
            any = true;
            let end = buffer.iter().position(|&byte| byte == b'\n');
            let here = &buffer[..end.unwrap_or(buffer.len())];
            let room = (VALUE_BYTES_MAX + 1).saturating_sub(self.text.len());
            self.text.extend_from_slice(&here[..here.len().min(room)]);
            let used = here.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        if self.line == 1 && self.text.starts_with(BYTE_ORDER_MARK) {
            self.text.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(any)
    }
}

fn document(line: u64, text: &str, keys: &Keys) -> Result<Document, BadLine> {
    let bad = |what| BadLine { line, what };
    let column = match &keys.column {
        Some(name) => Some(json::member(text, name).map_err(bad)?),
        None => {
            json::check(text).map_err(bad)?;
            None
        }
    };
    keys.document(line, column, text.into())
}

const BUFFER_BYTES: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

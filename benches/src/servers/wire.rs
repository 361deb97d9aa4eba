//! Reading and writing a socket in large pieces.

use crate::million::Failure;
use std::io::{Read, Write};
use std::net::TcpStream;

/// What was received and not yet used.
#[derive(Debug)]
pub(super) struct Input {
    socket: TcpStream,
    bytes: Vec<u8>,
    from: usize,
    to: usize,
}

impl Input {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, bytes: vec![0; 1 << 20], from: 0, to: 0 }
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.from..self.to]
    }

    pub(super) fn consume(&mut self, len: usize) {
        self.from += len;
        debug_assert!(self.from <= self.to);
    }

    /// Receives more.
    pub(super) fn fill(&mut self) -> Result<(), Failure> {
        if self.from > 0 {
            self.bytes.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        if self.to == self.bytes.len() {
            self.bytes.resize(2 * self.to, 0);
        }
        let read = self.socket.read(&mut self.bytes[self.to..])?;
        if read == 0 {
            return Err("the server closed the connection".into());
        }
        self.to += read;
        Ok(())
    }

    /// Receives until so much is there.
    pub(super) fn want(&mut self, len: usize) -> Result<&[u8], Failure> {
        while self.to - self.from < len {
            self.fill()?;
        }
        Ok(&self.bytes[self.from..self.from + len])
    }

    /// The next line, without its end.
    pub(super) fn line(&mut self) -> Result<Line, Failure> {
        let mut looked = 0;
        loop {
            let unread = self.unread();
            if let Some(at) = unread[looked..].iter().position(|&b| b == b'\n') {
                let line = Line::new(unread[..looked + at].trim_ascii_end());
                self.consume(looked + at + 1);
                return Ok(line);
            }
            looked = unread.len();
            self.fill()?;
        }
    }

    /// Sends.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.socket.write_all(bytes)?)
    }
}

/// The beginning of a line, on the stack: answers to bulk reads have several lines for each document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    bytes: [u8; 120],
    len: usize,
}

impl Line {
    fn new(line: &[u8]) -> Self {
        let mut bytes = [0; 120];
        let len = line.len().min(bytes.len());
        bytes[..len].copy_from_slice(&line[..len]);
        Self { bytes, len }
    }
}

impl core::ops::Deref for Line {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

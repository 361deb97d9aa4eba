//! From bytes, in whatever pieces they come, to messages.

use super::header::{Aftermath, FrameLimits};
use super::{Frame, HEADER_BYTES, Header, WireError, commands};
use crate::limits::READ_AHEAD_BYTES;
use bytes::{Buf, BytesMut};

/// Cuts what a connection receives into messages.
///
/// Bytes go in through [`FrameReader::room`] (a socket reads straight into it) or [`FrameReader::feed`];
/// messages come out of [`FrameReader::next_frame`]. Memory follows what the peer really sent: room is made
/// for at most as much as is already buffered, or for 64 KiB if that is more, whatever a header promises.
///
/// A server's reader ([`FrameReader::of_clients`]) also holds each request against what its command takes, so that
/// of a body that cannot be right nothing is kept.
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    limits: FrameLimits,
    /// Whether what is read comes from clients.
    of_clients: bool,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The buffer starts with a header.
    AtHeader,
    /// The buffer starts inside a refused body, with so many bytes of it to come.
    Skipping(u32),
    /// The stream of bytes has lost its meaning.
    Broken(MalformedFrame),
}

/// A message that was refused on its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedFrame {
    /// The header, for the answer.
    pub header: Header,
    /// What is wrong with it.
    pub error: WireError,
    /// What to do.
    pub aftermath: Aftermath,
}

impl FrameReader {
    /// A reader of any messages, without any bytes yet.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self { buffer: BytesMut::new(), limits, of_clients: false, state: State::AtHeader }
    }

    /// A reader of what clients send to a server: a command that no server takes, or a length that the command does
    /// not take, is refused on the header.
    #[must_use]
    pub fn of_clients(limits: FrameLimits) -> Self {
        Self { of_clients: true, ..Self::new(limits) }
    }

    /// Changes the limits, for all messages whose header has not been looked at.
    pub fn set_limits(&mut self, limits: FrameLimits) {
        self.limits = limits;
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> FrameLimits {
        self.limits
    }

    /// Bytes received and not yet taken as messages.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The buffer to append received bytes to, with some spare capacity. What is already in it must stay.
    pub fn room(&mut self) -> &mut BytesMut {
        let spare = self.buffer.capacity() - self.buffer.len();
        if spare < READ_AHEAD_BYTES / 8 {
            let wanted = self.missing().min(self.buffer.len());
            self.buffer.reserve(wanted.max(READ_AHEAD_BYTES));
        }
        &mut self.buffer
    }

    /// Appends a copy of bytes that were received elsewhere.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let buffer = self.room();
            let n = bytes.len().min(buffer.capacity() - buffer.len());
            buffer.extend_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
        }
    }

    /// The next message, or `None` until more bytes came.
    ///
    /// # Errors
    /// A message was refused on its header. After [`Aftermath::AnswerAndGoOn`] the next call goes on behind
    /// it; after the others, every call returns the same error.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, MalformedFrame> {
        match self.state {
            State::AtHeader => {}
            State::Skipping(left) => {
                let n = (left as usize).min(self.buffer.len());
                self.buffer.advance(n);
                // Lossless: n is at most left.
                let left = left - n as u32;
                if left > 0 {
                    self.state = State::Skipping(left);
                    return Ok(None);
                }
                self.state = State::AtHeader;
            }
            State::Broken(why) => return Err(why),
        }
        let Some(header) = self.buffer.first_chunk::<HEADER_BYTES>().map(Header::parse) else {
            return Ok(None);
        };
        if let Err(error) = self.judge(&header) {
            return Err(self.refuse(header, error));
        }
        let len = HEADER_BYTES + header.body_len as usize;
        if self.buffer.len() < len {
            return Ok(None);
        }
        let mut body = self.buffer.split_to(len).freeze();
        body.advance(HEADER_BYTES);
        if len > READ_AHEAD_BYTES {
            // A large message takes the allocation with it: kept here, it would be the size of every
            // connection that once had one.
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        Ok(Some(Frame::of_checked(header, body)))
    }

    fn judge(&self, header: &Header) -> Result<(), WireError> {
        header.check(self.limits)?;
        if self.of_clients { commands::check(header) } else { Ok(()) }
    }

    fn refuse(&mut self, header: Header, error: WireError) -> MalformedFrame {
        let aftermath = self.limits.after(&header, &error);
        let why = MalformedFrame { header, error, aftermath };
        self.state = if aftermath == Aftermath::AnswerAndGoOn {
            self.buffer.advance(HEADER_BYTES);
            State::Skipping(header.body_len)
        } else {
            self.buffer = BytesMut::new();
            State::Broken(why)
        };
        why
    }

    /// Bytes that the message at the front still lacks, as far as is known.
    fn missing(&self) -> usize {
        let promised =
            match (self.state, self.buffer.first_chunk::<HEADER_BYTES>().map(Header::parse)) {
                (State::AtHeader, Some(h)) if self.judge(&h).is_ok() => h.body_len as usize,
                _ => 0,
            };
        (HEADER_BYTES + promised).saturating_sub(self.buffer.len())
    }
}

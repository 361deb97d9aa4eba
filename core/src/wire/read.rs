//! From bytes, in whatever pieces they come, to messages.

use super::header::{Aftermath, FrameLimits};
use super::{Frame, FrameRef, HEADER_BYTES, Header, WireError, commands};
use crate::limits::READ_AHEAD_BYTES;
use bytes::{Buf, BytesMut};

/// Cuts what a connection receives into messages.
///
/// Bytes go in through [`FrameReader::room`] (a socket reads straight into it) or [`FrameReader::feed`];
/// messages come out of [`FrameReader::next_frame`]. Memory follows what the peer really sent: room is made
/// for at most as much as is already buffered, or for 64 KiB (or what [`FrameReader::set_read_ahead`] says) if that is
/// more, whatever a header promises.
///
/// A server's reader ([`FrameReader::of_clients`]) also holds each request against what its command takes, so that
/// of a body that cannot be right nothing is kept.
#[derive(Debug)]
pub struct FrameReader {
    pub(super) buffer: BytesMut,
    limits: FrameLimits,
    /// Whether what is read comes from clients.
    of_clients: bool,
    /// Room that is made ahead of what the peer has sent.
    read_ahead: usize,
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
        let (read_ahead, state) = (READ_AHEAD_BYTES, State::AtHeader);
        Self { buffer: BytesMut::new(), limits, of_clients: false, read_ahead, state }
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

    /// Makes more room ahead, or less: for a peer that sends much, each read of the socket can bring that much.
    pub fn set_read_ahead(&mut self, bytes: usize) {
        self.read_ahead = bytes;
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
        if spare < self.read_ahead / 8 {
            let wanted = self.missing().min(self.buffer.len());
            self.buffer.reserve(wanted.max(self.read_ahead));
        }
        &mut self.buffer
    }

    /// Gives the buffer's memory back if nothing is in it: for a peer that may say nothing for a long time. The next
    /// [`room`](Self::room) takes it anew.
    pub fn rest(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
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
        let Some(header) = self.whole_header()? else { return Ok(None) };
        let len = HEADER_BYTES + header.body_len as usize;
        let mut body = self.buffer.split_to(len).freeze();
        body.advance(HEADER_BYTES);
        if len > READ_AHEAD_BYTES {
            // A large message takes the allocation with it: kept here, it would be the size of every
            // connection that once had one.
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        Ok(Some(Frame::of_checked(header, body)))
    }

    /// The next message where it lies, or `None` until more bytes came. It stays the next one until it is
    /// [passed over](FrameReader::pass_over).
    ///
    /// # Errors
    /// As [`FrameReader::next_frame`].
    #[inline]
    pub fn peek_frame(&mut self) -> Result<Option<FrameRef<'_>>, MalformedFrame> {
        let Some(header) = self.whole_header()? else { return Ok(None) };
        Ok(Some(FrameRef::of_checked(header, self.body_in_front(&header))))
    }

    /// The body of the message in front, of which this is the header.
    #[inline]
    pub(crate) fn body_in_front(&self, header: &Header) -> &[u8] {
        &self.buffer[HEADER_BYTES..HEADER_BYTES + header.body_len as usize]
    }

    /// Passes over a message that was looked at where it lies, and that took so many bytes.
    #[inline]
    pub fn pass_over(&mut self, wire_len: usize) {
        self.buffer.advance(wire_len);
    }

    /// The header of the next message, if all of it is here.
    #[inline]
    fn whole_header(&mut self) -> Result<Option<Header>, MalformedFrame> {
        if !matches!(self.state, State::AtHeader) && !self.skip()? {
            return Ok(None);
        }
        let Some(header) = self.buffer.first_chunk::<HEADER_BYTES>().map(Header::parse) else {
            return Ok(None);
        };
        if let Err(error) = self.judge(&header) {
            return Err(self.refuse(header, error));
        }
        let len = HEADER_BYTES + header.body_len as usize;
        Ok((self.buffer.len() >= len).then_some(header))
    }

    /// Skips what is here of a refused body. Whether a header follows.
    #[inline(never)]
    fn skip(&mut self) -> Result<bool, MalformedFrame> {
        match self.state {
            State::AtHeader => {}
            State::Skipping(left) => {
                let n = (left as usize).min(self.buffer.len());
                self.buffer.advance(n);
                // Lossless: n is at most left.
                let left = left - n as u32;
                if left > 0 {
                    self.state = State::Skipping(left);
                    return Ok(false);
                }
                self.state = State::AtHeader;
            }
            State::Broken(why) => return Err(why),
        }
        Ok(true)
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

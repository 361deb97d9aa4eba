//! What a connection has to send: one buffer that messages are appended to and that is written out in large pieces.

use crate::limits::OUTPUT_BYTES_KEPT;
use bytes::BytesMut;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
use tokio::io::AsyncWrite;

/// A place in everything that a connection ever sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

/// What a connection has to send.
///
/// ```text
///   buffer  | sent, not yet given up | may be sent | withheld |
///           0                        sent          limit      len
/// ```
#[derive(Debug)]
pub(super) struct Output {
    buffer: BytesMut,
    /// So many bytes of the buffer are sent.
    sent: usize,
    /// The place of the buffer's first byte.
    origin: u64,
    /// Nothing from here on may be sent yet.
    limit: Option<Place>,
    /// Room that is kept when there is nothing to send.
    kept: usize,
    /// The socket took bytes that it has yet to send.
    unflushed: bool,
}

impl Output {
    pub(super) fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            sent: 0,
            origin: 0,
            limit: None,
            kept: OUTPUT_BYTES_KEPT,
            unflushed: false,
        }
    }

    /// The buffer, to append messages to.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Bytes that wait, withheld ones included.
    pub(super) fn len(&self) -> usize {
        self.buffer.len() - self.sent
    }

    /// The place of the next byte that is appended.
    pub(super) fn end(&self) -> Place {
        Place(self.origin + self.buffer.len() as u64)
    }

    /// Withholds everything from a place on, or nothing.
    pub(super) fn withhold(&mut self, from: Option<Place>) {
        self.limit = from;
    }

    /// Keeps that much room when there is nothing to send.
    pub(super) fn keep(&mut self, bytes: usize) {
        self.kept = bytes;
    }

    /// Where in the buffer it ends what may be sent.
    fn sendable(&self) -> usize {
        match self.limit {
            None => self.buffer.len(),
            // Lossless: the difference is at most the buffer's length.
            Some(Place(limit)) => {
                limit.saturating_sub(self.origin).min(self.buffer.len() as u64) as usize
            }
        }
    }

    /// Whether something could be sent if the socket took it.
    pub(super) fn has_sendable(&self) -> bool {
        self.sent < self.sendable()
    }

    /// Writes what may be sent; ready when the socket took some of it.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        if !self.has_sendable() {
            return self.poll_flush(cx, socket);
        }
        let bytes = &self.buffer[self.sent..self.sendable()];
        let n = ready!(Pin::new(&mut *socket).poll_write(cx, bytes))?;
        if n == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.sent += n;
        self.give_up_sent();
        // At once for a plain socket, and without a system call.
        self.unflushed = Pin::new(socket).poll_flush(cx)?.is_pending();
        Poll::Ready(Ok(()))
    }

    /// Ready when what the socket holds back has gone, if it held something back.
    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        if !self.unflushed {
            return Poll::Pending;
        }
        ready!(Pin::new(socket).poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Whether everything has gone.
    pub(super) fn is_done(&self) -> bool {
        self.len() == 0 && !self.unflushed
    }

    /// Makes the room of what is sent usable again: at once if that is all, else when it is more than what would have
    /// to be moved.
    fn give_up_sent(&mut self) {
        let left = self.buffer.len() - self.sent;
        if left == 0 {
            self.origin += self.sent as u64;
            self.sent = 0;
            if self.buffer.capacity() > 2 * self.kept {
                self.buffer = BytesMut::new();
            } else {
                self.buffer.clear();
            }
        } else if self.sent > left {
            self.buffer.copy_within(self.sent.., 0);
            self.buffer.truncate(left);
            self.origin += self.sent as u64;
            self.sent = 0;
        }
    }
}

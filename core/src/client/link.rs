//! A byte stream that carries messages: what waits to be written, and what was read.

use super::failure::Broken;
use crate::wire::{Frame, FrameLimits, FrameReader, FrameRef, Header};
use bytes::BytesMut;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A byte stream that carries messages.
///
/// Every method is cancel safe: bytes leave `out` when the stream has taken them, and bytes that were read stay in
/// the reader until a whole message is taken out.
#[derive(Debug)]
pub(super) struct Link<S> {
    stream: S,
    reader: FrameReader,
    out: BytesMut,
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    pub(super) fn new(stream: S) -> Self {
        let reader = FrameReader::new(FrameLimits::AFTER_AUTH);
        Self { stream, reader, out: BytesMut::new(), unflushed: false }
    }

    /// The byte stream.
    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    /// Where requests are appended; they go out with the next call that waits.
    pub(super) fn out(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    /// The next message, if it is there already.
    pub(super) fn take(&mut self) -> Result<Option<Frame>, Broken> {
        self.reader.next_frame().map_err(Broken::Frame)
    }

    /// The next message where it lies, if it is there already.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<Option<FrameRef<'_>>, Broken> {
        self.reader.peek_frame().map_err(Broken::Frame)
    }

    /// The body of the message in front, of which this is the header.
    #[inline]
    pub(super) fn body_in_front(&self, header: &Header) -> &[u8] {
        self.reader.body_in_front(header)
    }

    /// Passes over the message that was looked at.
    #[inline]
    pub(super) fn pass_over(&mut self, wire_len: usize) {
        self.reader.pass_over(wire_len);
    }

    /// Reads so much at once from now on.
    pub(super) fn set_read_ahead(&mut self, bytes: usize) {
        self.reader.set_read_ahead(bytes);
    }

    /// The next message. Writes what waits meanwhile.
    pub(super) async fn receive(&mut self) -> Result<Frame, Broken> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(frame);
            }
            self.exchange().await?;
        }
    }

    /// Returns when a message is there. Writes what waits meanwhile.
    pub(super) async fn wait(&mut self) -> Result<(), Broken> {
        while self.peek()?.is_none() {
            self.exchange().await?;
        }
        Ok(())
    }

    /// Reads once, and writes what waits meanwhile.
    async fn exchange(&mut self) -> Result<(), Broken> {
        poll_fn(|cx| {
            let _ = self.poll_write(cx)?;
            self.poll_read(cx)
        })
        .await
        .map_err(Broken::Io)
    }

    /// Waits until something was written or read, or at most `left` bytes wait to be written.
    pub(super) async fn write_some(&mut self, left: usize) -> Result<(), Broken> {
        let before = self.out.len();
        poll_fn(|cx| {
            let written = self.poll_write(cx)?;
            if written.is_ready() || self.out.len() <= left || self.out.len() < before {
                return Poll::Ready(Ok(()));
            }
            self.poll_read(cx)
        })
        .await
        .map_err(Broken::Io)
    }

    /// Ready when nothing waits to be written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            // The future has no state of its own: what it wrote has left `out`.
            match pin!(self.stream.write_buf(&mut self.out)).poll(cx)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(_) => self.unflushed = true,
                Poll::Pending => return Poll::Pending,
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx)? {
                Poll::Ready(()) => self.unflushed = false,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when something was read.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // As above: what it read is in the reader.
        match pin!(self.stream.read_buf(self.reader.room())).poll(cx)? {
            Poll::Ready(0) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(_) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }
}

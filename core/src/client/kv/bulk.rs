//! Many documents at once: quiet writes, and a NOOP behind each window of them.

use super::client::KvClient;
use super::documents::WriteOptions;
use crate::error::Result;
use crate::limits::{CLIENT_BULK_WINDOW, CLIENT_SEND_BUFFER_BYTES};
use crate::types::Opaque;
use crate::wire::kv::{Noop, Store, StoreMode};
use crate::wire::{Frame, Opcode, Status};
use core::ops::ControlFlow;
use std::collections::VecDeque;
use tokio::io::{AsyncRead, AsyncWrite};

/// How a bulk write went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkReport<K> {
    /// Documents that were written.
    pub stored: u64,
    /// The others.
    pub failed: Vec<NotStored<K>>,
}

/// A document that was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotStored<K> {
    /// Its key.
    pub key: K,
    /// Why.
    pub status: Status,
}

/// How far a bulk write is.
#[derive(Clone, Copy, Debug)]
pub struct BulkProgress {
    /// Documents that were dealt with.
    pub answered: u64,
    /// Those of them that were refused.
    pub failed: u64,
    /// With what the last of them was refused just now.
    pub refused: Option<Status>,
}

/// Documents that were sent and whose NOOP has not been answered.
struct Window<K> {
    first: Opaque,
    /// Documents of the bulk write that come before.
    begins: u64,
    /// Taken out when it fails; a server answers for each document at most once.
    keys: Vec<Option<K>>,
    noop: Opaque,
}

impl<S: AsyncRead + AsyncWrite + Unpin> KvClient<S> {
    /// Writes many documents at top speed: up to two windows are on their way at any time, and only failures
    /// are answered. Returns when every document has been dealt with.
    ///
    /// # Errors
    /// When the connection fails, or a key is empty or too long; documents before it may be written or not. That
    /// the server refuses a document is no error but in the report.
    ///
    /// # Cancel safety
    /// Dropping the future leaves an unknown part of the documents written. The client stays usable.
    pub async fn set_many<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        documents: impl IntoIterator<Item = (K, V)>,
        options: WriteOptions,
    ) -> Result<BulkReport<K>> {
        self.set_many_while(documents, options, |_| ControlFlow::Continue(())).await
    }

    /// [`set_many`](Self::set_many) for as long as `go_on` wants, which is told of each refusal and each window at
    /// once: a server that has no room may take a second for each document. Broken off, the report has what was
    /// answered; what was not may be written or not.
    ///
    /// # Errors
    /// Those of [`set_many`](Self::set_many).
    ///
    /// # Cancel safety
    /// That of [`set_many`](Self::set_many).
    pub async fn set_many_while<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        documents: impl IntoIterator<Item = (K, V)>,
        options: WriteOptions,
        mut go_on: impl FnMut(BulkProgress) -> ControlFlow<()>,
    ) -> Result<BulkReport<K>> {
        let mut report = BulkReport { stored: 0, failed: Vec::new() };
        let mut windows = VecDeque::with_capacity(2);
        let mut documents = documents.into_iter();
        let mut sent = 0;
        let mut wanted = ControlFlow::Continue(());
        loop {
            let window = match wanted {
                ControlFlow::Continue(()) => {
                    self.send_window(&mut documents, options, sent).await?
                }
                ControlFlow::Break(()) => {
                    windows.clear();
                    None
                }
            };
            if let Some(window) = window {
                sent += window.keys.len() as u64;
                windows.push_back(window);
                if windows.len() < 2 {
                    continue;
                }
            }
            if windows.is_empty() {
                report.stored -= report.failed.len() as u64;
                return Ok(report);
            }
            wanted = self.settle_oldest(&mut windows, &mut report, &mut go_on).await?;
        }
    }

    /// Sends up to a window of documents and its NOOP; `None` when there are none left.
    async fn send_window<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        documents: &mut impl Iterator<Item = (K, V)>,
        options: WriteOptions,
        begins: u64,
    ) -> Result<Option<Window<K>>> {
        let WriteOptions { flags, expiry, datatype, cas } = options;
        let mut keys = Vec::new();
        let mut first = None;
        for (key, value) in documents.take(CLIENT_BULK_WINDOW) {
            let (vb, wire_key) = self.place(key.as_ref())?;
            let (mode, quiet, value) = (StoreMode::Set, true, value.as_ref());
            let opaque = self.connection.next_opaque();
            let store =
                Store { mode, quiet, vb, cas, flags, expiry, datatype, key: &wire_key, value };
            store.encode(opaque, self.connection.out());
            first.get_or_insert(opaque);
            keys.push(Some(key));
            self.connection.write_down_to(CLIENT_SEND_BUFFER_BYTES).await?;
        }
        let Some(first) = first else { return Ok(None) };
        let noop = self.connection.next_opaque();
        Noop.encode(noop, self.connection.out());
        Ok(Some(Window { first, begins, keys, noop }))
    }

    /// Reads answers until the oldest window's NOOP is among them, or nobody wants the rest. Until the end, `stored`
    /// counts what was answered.
    async fn settle_oldest<K>(
        &mut self,
        windows: &mut VecDeque<Window<K>>,
        report: &mut BulkReport<K>,
        go_on: &mut impl FnMut(BulkProgress) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        loop {
            let frame = self.connection.receive_in_time(Opcode::SETQ).await?;
            if windows.front().is_some_and(|window| window.noop == frame.opaque()) {
                let settled = windows.pop_front().map_or(0, |window| window.keys.len());
                report.stored += settled as u64;
                let (answered, failed) = (report.stored, report.failed.len() as u64);
                return Ok(go_on(BulkProgress { answered, failed, refused: None }));
            }
            let failure = windows.iter_mut().find_map(|window| window.failure(&frame));
            let Some((answered, failure)) = failure else { continue };
            let refused = Some(failure.status);
            report.failed.push(failure);
            let failed = report.failed.len() as u64;
            if go_on(BulkProgress { answered, failed, refused }).is_break() {
                report.stored = answered;
                return Ok(ControlFlow::Break(()));
            }
        }
    }
}

impl<K> Window<K> {
    /// The document that this answer is about, if it is one of the window's and was refused; and how many were dealt
    /// with, since answers come in order.
    fn failure(&mut self, frame: &Frame) -> Option<(u64, NotStored<K>)> {
        if frame.status().is_success() || !frame.header().magic.is_response() {
            return None;
        }
        let at = frame.opaque().get().wrapping_sub(self.first.get());
        let key = self.keys.get_mut(at as usize)?.take()?;
        Some((self.begins + u64::from(at) + 1, NotStored { key, status: frame.status() }))
    }
}

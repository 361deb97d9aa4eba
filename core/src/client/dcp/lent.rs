//! Events where they lie in the receive buffer: nothing is allocated, copied or counted for a document.

use super::client::DcpClient;
use super::event::{Document, Event, meta};
use crate::client::failure;
use crate::error::Result;
use crate::limits::CLIENT_READ_BYTES;
use crate::types::{DocKind, DocMeta, Seqno};
use crate::wire::dcp::{Deletion, Expiration, Mutation, StreamTag};
use crate::wire::{CollectionId, FrameRef, HEADER_BYTES, Header, Opcode, WireError};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

/// An event that is lent until the next one is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LentEvent<'a> {
    /// A document was written.
    Mutation(LentDocument<'a>),
    /// A document was deleted.
    Deletion(LentDocument<'a>),
    /// A document's time to live ran out.
    Expiration(LentDocument<'a>),
    /// Anything else; never one of the three.
    Other(&'a Event),
}

/// A [`Document`] that is lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LentDocument<'a> {
    /// The stream.
    pub tag: StreamTag,
    /// Everything but key and value. The expiry of a tombstone is when it was deleted, 0 if not told.
    pub meta: DocMeta,
    /// Its collection, on connections with collections.
    pub collection: Option<CollectionId>,
    /// The key, without the collection id.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

impl<'a> LentDocument<'a> {
    #[inline]
    fn of(
        tag: StreamTag,
        meta: DocMeta,
        collections: bool,
        key: &'a [u8],
        value: &'a [u8],
    ) -> Result<Self, WireError> {
        if !collections {
            return Ok(Self { tag, meta, collection: None, key, value });
        }
        let (id, key) = CollectionId::split(key)?;
        Ok(Self { tag, meta, collection: Some(id), key, value })
    }

    /// A copy to keep.
    #[must_use]
    pub fn to_document(&self) -> Document {
        let Self { tag, meta, collection, .. } = *self;
        let [key, value] = [self.key, self.value].map(Bytes::copy_from_slice);
        Document { tag, meta, collection, key, value }
    }
}

impl LentEvent<'_> {
    /// A copy to keep.
    #[must_use]
    pub fn to_event(&self) -> Event {
        match self {
            Self::Mutation(document) => Event::Mutation(document.to_document()),
            Self::Deletion(document) => Event::Deletion(document.to_document()),
            Self::Expiration(document) => Event::Expiration(document.to_document()),
            Self::Other(event) => (*event).clone(),
        }
    }

    /// The stream that it is about.
    #[must_use]
    pub const fn tag(&self) -> StreamTag {
        match self {
            Self::Mutation(document) | Self::Deletion(document) | Self::Expiration(document) => {
                document.tag
            }
            Self::Other(event) => event.tag(),
        }
    }

    /// The place in the vbucket's history, of events that have one.
    #[must_use]
    pub const fn seqno(&self) -> Option<Seqno> {
        match self {
            Self::Mutation(document) | Self::Deletion(document) | Self::Expiration(document) => {
                Some(document.meta.seqno)
            }
            Self::Other(event) => event.seqno(),
        }
    }
}

impl<'a> From<&'a Event> for LentEvent<'a> {
    fn from(event: &'a Event) -> Self {
        match event {
            Event::Mutation(document) => Self::Mutation(document.into()),
            Event::Deletion(document) => Self::Deletion(document.into()),
            Event::Expiration(document) => Self::Expiration(document.into()),
            other => Self::Other(other),
        }
    }
}

impl<'a> From<&'a Document> for LentDocument<'a> {
    fn from(document: &'a Document) -> Self {
        let Document { tag, meta, collection, ref key, ref value } = *document;
        Self { tag, meta, collection, key, value }
    }
}

/// What comes next.
enum Next {
    /// A document of an open stream, where it lies.
    Document { tag: StreamTag, header: Header },
    /// Something that is held.
    Held,
    /// Nothing that is here already.
    Nothing,
}

impl<S: AsyncRead + AsyncWrite + Unpin> DcpClient<S> {
    /// The next event of what was received already, lent; the one before it counts as dealt with from now on. `None`
    /// until [`DcpClient::receive`] has brought more.
    ///
    /// Unlike [`DcpClient::next_event`] it holds documents against what was announced: the seqnos of a stream rise, and
    /// stay within the snapshot of the last marker.
    ///
    /// # Errors
    /// When the server breaks the protocol. No event follows.
    ///
    /// # Examples
    /// ```
    /// # use millstream::client::{DcpClient, LentEvent};
    /// # async fn count(client: &mut DcpClient) -> millstream::error::Result<u64> {
    /// let mut bytes = 0;
    /// while client.streams() > 0 {
    ///     client.receive().await?;
    ///     while let Some(event) = client.lent_event()? {
    ///         if let LentEvent::Mutation(document) = event {
    ///             bytes += document.value.len() as u64;
    ///         }
    ///     }
    /// }
    /// # Ok(bytes)
    /// # }
    /// ```
    #[inline]
    pub fn lent_event(&mut self) -> Result<Option<LentEvent<'_>>> {
        match self.find_next()? {
            Next::Document { tag, header } => self.lend(tag, &header).map(Some),
            Next::Held => Ok(self.held.as_ref().map(LentEvent::from)),
            Next::Nothing => Ok(None),
        }
    }

    /// Waits until something is there for [`DcpClient::lent_event`], and sends what is to be sent. The event that was
    /// lent last counts as dealt with from now on.
    ///
    /// # Errors
    /// When the connection is gone, the server breaks the protocol, or it has given no sign of life for two
    /// intervals. No event follows.
    ///
    /// # Cancel safety
    /// Cancel safe: no event is lost.
    pub async fn receive(&mut self) -> Result<()> {
        self.settle();
        if !self.backlog.is_empty() {
            return Ok(());
        }
        self.connection.set_read_ahead(CLIENT_READ_BYTES);
        if self.connection.peek()?.is_some() {
            return Ok(());
        }
        self.wait_on_wire().await
    }

    /// Takes in messages up to the next event.
    #[inline]
    fn find_next(&mut self) -> Result<Next> {
        self.settle();
        loop {
            if !self.backlog.is_empty() {
                if self.take_in_next()? {
                    return Ok(Next::Held);
                }
                continue;
            }
            let Some(frame) = self.connection.peek()? else { return Ok(Next::Nothing) };
            let (header, sid) = (*frame.header(), frame.stream_id());
            if !is_document(&header) {
                if self.take_in_next()? {
                    return Ok(Next::Held);
                }
                continue;
            }
            self.heard = true;
            let sid = self.connection.read(sid)?;
            let tag = StreamTag { opaque: header.opaque, vb: header.vbucket(), sid };
            if self.streams.is_open(tag) {
                return Ok(Next::Document { tag, header });
            }
            // A message of a stream that is over counts all the same.
            (self.lent, self.returned) = lengths(&header);
            self.settle();
        }
    }

    /// Takes in the message in front, whatever it is. Whether that came to an event, which is held then.
    #[inline(never)]
    fn take_in_next(&mut self) -> Result<bool> {
        let frame = match self.next_in_backlog() {
            Some(frame) => frame,
            None => match self.connection.take()? {
                Some(frame) => frame,
                None => return Ok(false),
            },
        };
        self.heard = true;
        self.held = self.take_in(frame)?;
        let Some(event) = &self.held else { return Ok(false) };
        if let Event::Mutation(document) | Event::Deletion(document) | Event::Expiration(document) =
            event
        {
            let reached = self.streams.reach(document.tag, document.meta.seqno);
            reached.map_err(|astray| astray.blame(self.connection.peer(), document.tag))?;
        }
        Ok(true)
    }

    /// The document in front.
    #[inline]
    fn lend(&mut self, tag: StreamTag, header: &Header) -> Result<LentEvent<'_>> {
        (self.lent, self.returned) = lengths(header);
        let Self { connection, streams, collections, .. } = self;
        let (peer, body) = connection.front(header);
        let parsed = parse(FrameRef::of_checked(*header, body), tag, *collections);
        let event = parsed.map_err(|why| failure::malformed(peer, why))?;
        let seqno = event.seqno().unwrap_or_default();
        streams.reach(tag, seqno).map_err(|astray| astray.blame(peer, tag))?;
        Ok(event)
    }
}

/// What a message takes in the receive buffer, and what of the window.
#[inline]
fn lengths(header: &Header) -> (usize, u32) {
    // All documents are counted. Lossless: a message's length is far below the limit of both.
    let bytes = HEADER_BYTES + header.body_len as usize;
    (bytes, bytes as u32)
}

#[inline]
fn is_document(header: &Header) -> bool {
    let documents = [Opcode::DCP_MUTATION, Opcode::DCP_DELETION, Opcode::DCP_EXPIRATION];
    header.magic.is_request() && documents.contains(&header.opcode)
}

#[inline]
fn parse(
    frame: FrameRef<'_>,
    tag: StreamTag,
    collections: bool,
) -> Result<LentEvent<'_>, WireError> {
    if frame.header().opcode == Opcode::DCP_MUTATION {
        let m = Mutation::parse(frame)?;
        let (flags, expiry) = (m.flags, m.expiry);
        let meta = DocMeta { flags, expiry, ..meta(m.seqno, m.rev, m.cas, m.datatype) };
        return LentDocument::of(tag, meta, collections, m.key, m.value).map(LentEvent::Mutation);
    }
    parse_tombstone(frame, tag, collections)
}

#[inline(never)]
fn parse_tombstone(
    frame: FrameRef<'_>,
    tag: StreamTag,
    collections: bool,
) -> Result<LentEvent<'_>, WireError> {
    if frame.header().opcode == Opcode::DCP_DELETION {
        let d = Deletion::parse(frame)?;
        let (expiry, kind) = (d.delete_time.unwrap_or(0), DocKind::Deleted);
        let meta = DocMeta { expiry, kind, ..meta(d.seqno, d.rev, d.cas, d.datatype) };
        return LentDocument::of(tag, meta, collections, d.key, d.value).map(LentEvent::Deletion);
    }
    let e = Expiration::parse(frame)?;
    let (expiry, kind) = (e.delete_time, DocKind::Expired);
    let meta = DocMeta { expiry, kind, ..meta(e.seqno, e.rev, e.cas, e.datatype) };
    LentDocument::of(tag, meta, collections, e.key, e.value).map(LentEvent::Expiration)
}

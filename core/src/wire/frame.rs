//! One message as it was received: owned, or where it lies.

use super::{HEADER_BYTES, Header, Opcode, Status, WireError};
use crate::types::{Cas, Datatype, Opaque, Sid, VbId};
use bytes::{Buf, Bytes};

/// A message that was received whole.
///
/// Its parts are slices of one buffer, which the messages around it may share: whoever keeps a small part
/// for long copies it, or it keeps the whole buffer alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    header: Header,
    body: Bytes,
}

impl Frame {
    /// Joins a header with its body.
    ///
    /// # Errors
    /// When the magic is unknown, or the lengths in the header are not those of the body.
    pub fn new(header: Header, body: Bytes) -> Result<Self, WireError> {
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        header.check(super::FrameLimits { body_max: len, skip_max: 0 })?;
        if header.body_len != len {
            return Err(WireError::BodyShort { parts: header.body_len, body: len });
        }
        Ok(Self { header, body })
    }

    /// Joins a checked header with a body of the right length.
    pub(super) fn of_checked(header: Header, body: Bytes) -> Self {
        debug_assert_eq!(header.body_len as usize, body.len());
        Self { header, body }
    }

    /// Its header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Its command.
    #[must_use]
    pub const fn opcode(&self) -> Opcode {
        self.header.opcode
    }

    /// Its opaque.
    #[must_use]
    pub const fn opaque(&self) -> Opaque {
        self.header.opaque
    }

    /// The vbucket of a request.
    #[must_use]
    pub const fn vbucket(&self) -> VbId {
        self.header.vbucket()
    }

    /// The status of a response.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.header.status()
    }

    /// Its CAS.
    #[must_use]
    pub const fn cas(&self) -> Cas {
        self.header.cas
    }

    /// What its value is made of.
    #[must_use]
    pub const fn datatype(&self) -> Datatype {
        self.header.datatype
    }

    /// Bytes that it took on the wire, header included: what flow control counts, if it counts the command.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        HEADER_BYTES + self.body.len()
    }

    /// Everything behind the header.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The message where it lies.
    #[inline]
    #[must_use]
    pub fn by_ref(&self) -> FrameRef<'_> {
        FrameRef { header: self.header, body: &self.body }
    }

    /// The framing extras.
    #[must_use]
    pub fn framing(&self) -> &[u8] {
        self.by_ref().framing()
    }

    /// The extras.
    #[must_use]
    pub fn extras(&self) -> &[u8] {
        self.by_ref().extras()
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.by_ref().key()
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.by_ref().value()
    }

    /// The key, sharing the buffer.
    #[must_use]
    pub fn key_bytes(&self) -> Bytes {
        self.body.slice(self.by_ref().key_at()..self.by_ref().value_at())
    }

    /// The value, sharing the buffer.
    #[must_use]
    pub fn value_bytes(&self) -> Bytes {
        self.body.slice(self.by_ref().value_at()..)
    }

    /// Key and value, sharing the buffer.
    #[must_use]
    pub fn into_key_and_value(mut self) -> (Bytes, Bytes) {
        let (key_at, value_at) = (self.by_ref().key_at(), self.by_ref().value_at());
        let value = self.body.split_off(value_at);
        self.body.advance(key_at);
        (self.body, value)
    }

    /// The entries of the framing extras.
    #[must_use]
    pub fn frame_infos(&self) -> FrameInfos<'_> {
        self.by_ref().frame_infos()
    }

    /// The stream id that a DCP message carries in its framing extras.
    ///
    /// # Errors
    /// When they are malformed, hold anything else, or hold a stream id that is 0.
    pub fn stream_id(&self) -> Result<Option<Sid>, WireError> {
        self.by_ref().stream_id()
    }

    /// Whether the framing extras of a command that changes a document ask to keep its expiry.
    ///
    /// # Errors
    /// When they are malformed, or hold anything else.
    pub fn preserves_expiry(&self) -> Result<bool, WireError> {
        let mut preserves = false;
        for info in self.frame_infos() {
            match info? {
                (FrameInfos::PRESERVE_EXPIRY, []) if !preserves => preserves = true,
                (FrameInfos::PRESERVE_EXPIRY, _) => return Err(WireError::Framing),
                (id, _) => return Err(WireError::FrameInfo { id }),
            }
        }
        Ok(preserves)
    }
}

/// A message that was received whole, where it lies: nothing of it is counted or copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRef<'a> {
    header: Header,
    body: &'a [u8],
}

impl<'a> From<&'a Frame> for FrameRef<'a> {
    #[inline]
    fn from(frame: &'a Frame) -> Self {
        frame.by_ref()
    }
}

impl<'a> FrameRef<'a> {
    /// Joins a checked header with a body of the right length.
    #[inline]
    pub(crate) fn of_checked(header: Header, body: &'a [u8]) -> Self {
        debug_assert_eq!(header.body_len as usize, body.len());
        Self { header, body }
    }

    /// Its header.
    #[inline]
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes that it takes on the wire, header included.
    #[inline]
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        HEADER_BYTES + self.body.len()
    }

    /// The framing extras.
    #[inline]
    #[must_use]
    pub fn framing(&self) -> &'a [u8] {
        &self.body[..self.extras_at()]
    }

    /// The extras.
    #[inline]
    #[must_use]
    pub fn extras(&self) -> &'a [u8] {
        &self.body[self.extras_at()..self.key_at()]
    }

    /// The key.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        &self.body[self.key_at()..self.value_at()]
    }

    /// The value.
    #[inline]
    #[must_use]
    pub fn value(&self) -> &'a [u8] {
        &self.body[self.value_at()..]
    }

    /// The entries of the framing extras.
    #[inline]
    #[must_use]
    pub fn frame_infos(&self) -> FrameInfos<'a> {
        FrameInfos { rest: self.framing() }
    }

    /// The stream id that a DCP message carries in its framing extras.
    ///
    /// # Errors
    /// When they are malformed, hold anything else, or hold a stream id that is 0.
    #[inline]
    pub fn stream_id(&self) -> Result<Option<Sid>, WireError> {
        if self.header.framing_len == 0 { Ok(None) } else { self.stream_id_of_some() }
    }

    #[inline(never)]
    fn stream_id_of_some(&self) -> Result<Option<Sid>, WireError> {
        let mut found = None;
        for info in self.frame_infos() {
            let (id, content) = info?;
            if id != FrameInfos::STREAM_ID {
                return Err(WireError::FrameInfo { id });
            }
            let Ok(sid) = <[u8; 2]>::try_from(content).map(u16::from_be_bytes) else {
                return Err(WireError::StreamId { len: content.len() });
            };
            if sid == 0 {
                return Err(WireError::StreamId { len: 2 });
            }
            if found.replace(Sid(sid)).is_some() {
                return Err(WireError::Framing);
            }
        }
        Ok(found)
    }

    #[inline]
    fn extras_at(&self) -> usize {
        usize::from(self.header.framing_len)
    }

    #[inline]
    fn key_at(&self) -> usize {
        self.extras_at() + usize::from(self.header.extras_len)
    }

    #[inline]
    fn value_at(&self) -> usize {
        self.key_at() + usize::from(self.header.key_len)
    }
}

/// Reads framing extras: entries of number and content, one behind the other.
///
/// ```text
///   one byte: number (high half), length (low half); half = 15: one more byte is added to it,
///   first the number's, then the length's; then the content
/// ```
#[derive(Clone, Debug)]
pub struct FrameInfos<'a> {
    rest: &'a [u8],
}

impl FrameInfos<'_> {
    /// The number of a durability requirement.
    pub const DURABILITY: u16 = 1;
    /// The number of a stream id.
    pub const STREAM_ID: u16 = 2;
    /// The number of "keep the document's expiry".
    pub const PRESERVE_EXPIRY: u16 = 5;
}

impl<'a> Iterator for FrameInfos<'a> {
    type Item = Result<(u16, &'a [u8]), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&first, mut rest) = self.rest.split_first()?;
        // Whatever goes wrong is told once; nothing is read behind it.
        self.rest = &[];
        let mut half = |n: u8| {
            if n < 15 {
                return Ok(u16::from(n));
            }
            let (&more, behind) = rest.split_first().ok_or(WireError::Framing)?;
            rest = behind;
            Ok(15 + u16::from(more))
        };
        let parsed = half(first >> 4).and_then(|id| Ok((id, half(first & 15)?)));
        Some(parsed.and_then(|(id, len)| {
            let (content, behind) =
                rest.split_at_checked(usize::from(len)).ok_or(WireError::Framing)?;
            self.rest = behind;
            Ok((id, content))
        }))
    }
}

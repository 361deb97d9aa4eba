//! How a message is laid out when it is written: head (header and extras) as one array, then key and value.

use super::{HEADER_BYTES, Magic, Opcode};
use crate::types::{Cas, Datatype, Opaque, Sid, VbId};
use bytes::BytesMut;

/// What a header says besides lengths.
#[derive(Clone, Copy)]
pub(super) struct Lead {
    magic: Magic,
    opcode: Opcode,
    datatype: Datatype,
    vbucket_or_status: u16,
    opaque: Opaque,
    cas: Cas,
}

impl Lead {
    #[inline]
    pub(super) const fn request(opcode: Opcode, vb: VbId, opaque: Opaque) -> Self {
        Self::new(Magic::REQUEST, opcode, vb.get(), opaque)
    }

    #[inline]
    pub(super) const fn new(
        magic: Magic,
        opcode: Opcode,
        vbucket_or_status: u16,
        opaque: Opaque,
    ) -> Self {
        Self { magic, opcode, datatype: Datatype::RAW, vbucket_or_status, opaque, cas: Cas::ZERO }
    }

    #[inline]
    pub(super) const fn datatype(mut self, datatype: Datatype) -> Self {
        self.datatype = datatype;
        self
    }

    #[inline]
    pub(super) const fn cas(mut self, cas: Cas) -> Self {
        self.cas = cas;
        self
    }

    /// Header and room for extras, `N` bytes in all, for a message with this key and value.
    ///
    /// # Panics
    /// When key or value is longer than its length field can say.
    #[inline]
    pub(super) fn head<const N: usize>(&self, key_len: usize, value_len: usize) -> [u8; N] {
        const { assert!(N >= HEADER_BYTES && N - HEADER_BYTES <= u8::MAX as usize) };
        self.dynamic_head(N - HEADER_BYTES, key_len, value_len)
    }

    /// The same for extras that are not part of the array.
    #[inline]
    pub(super) fn dynamic_head<const N: usize>(
        &self,
        extras_len: usize,
        key_len: usize,
        value_len: usize,
    ) -> [u8; N] {
        let extras = u8::try_from(extras_len).expect("extras fit their 8-bit length");
        let key = u16::try_from(key_len).expect("a key fits its 16-bit length");
        let body = extras_len + key_len + value_len;
        let body = u32::try_from(body).expect("a body fits its 32-bit length");
        let mut head = [0; N];
        head[0] = self.magic.0;
        head[1] = self.opcode.0;
        head[2..4].copy_from_slice(&key.to_be_bytes());
        head[4] = extras;
        head[5] = self.datatype.0;
        head[6..8].copy_from_slice(&self.vbucket_or_status.to_be_bytes());
        head[8..12].copy_from_slice(&body.to_be_bytes());
        head[12..16].copy_from_slice(&self.opaque.get().to_be_bytes());
        head[16..24].copy_from_slice(&self.cas.get().to_be_bytes());
        head
    }
}

/// Appends a message.
#[inline]
pub(super) fn put(out: &mut BytesMut, head: &[u8], key: &[u8], value: &[u8]) {
    out.reserve(head.len() + key.len() + value.len());
    out.extend_from_slice(head);
    if !key.is_empty() {
        out.extend_from_slice(key);
    }
    if !value.is_empty() {
        out.extend_from_slice(value);
    }
}

/// Bytes that a stream id takes in the framing extras.
pub(super) const STREAM_ID_BYTES: usize = 3;

/// Appends a message with a stream id in front of its extras.
///
/// # Panics
/// When the key is longer than the 255 bytes that a flexible header can say.
#[inline(never)]
pub(super) fn put_with_stream_id(
    out: &mut BytesMut,
    head: &[u8],
    sid: Sid,
    key: &[u8],
    value: &[u8],
) {
    let key_len = u8::try_from(key.len()).expect("a key with a stream id fits its 8-bit length");
    let (header, extras) = head.split_at(HEADER_BYTES);
    let body = STREAM_ID_BYTES + extras.len() + key.len() + value.len();
    let body = u32::try_from(body).expect("a body fits its 32-bit length");
    let mut first = [0; HEADER_BYTES + STREAM_ID_BYTES];
    first[..HEADER_BYTES].copy_from_slice(header);
    first[0] = Magic::FLEX_REQUEST.0;
    first[2..4].copy_from_slice(&[STREAM_ID_BYTES as u8, key_len]);
    first[8..12].copy_from_slice(&body.to_be_bytes());
    let [high, low] = sid.get().to_be_bytes();
    // Number 2, length 2.
    first[HEADER_BYTES..].copy_from_slice(&[0x22, high, low]);
    out.reserve(HEADER_BYTES + body as usize);
    out.extend_from_slice(&first);
    put(out, extras, key, value);
}

/// Appends a request without extras, key and value.
pub(super) fn put_bare(out: &mut BytesMut, lead: Lead) {
    put(out, &lead.head::<HEADER_BYTES>(0, 0), &[], &[]);
}

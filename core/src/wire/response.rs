//! Responses: status in place of the vbucket, and the request's command and opaque.

use super::layout::{Lead, put};
use super::{Frame, HEADER_BYTES, Header, Magic, Opcode, Status, WireError};
use crate::types::{Cas, Datatype, Opaque};
use bytes::BytesMut;

/// A response with parts of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The request's command.
    pub opcode: Opcode,
    /// How it went.
    pub status: Status,
    /// The request's opaque.
    pub opaque: Opaque,
    /// The document's CAS, or 0.
    pub cas: Cas,
    /// What the value is made of.
    pub datatype: Datatype,
    /// Extras.
    pub extras: &'a [u8],
    /// Key.
    pub key: &'a [u8],
    /// Value.
    pub value: &'a [u8],
}

impl<'a> Response<'a> {
    /// The answer to a request, without any content.
    #[must_use]
    pub const fn to(request: &Header, status: Status) -> Self {
        Self {
            opcode: request.opcode,
            status,
            opaque: request.opaque,
            cas: Cas::ZERO,
            datatype: Datatype::RAW,
            extras: &[],
            key: &[],
            value: &[],
        }
    }

    /// The same with a value.
    #[must_use]
    pub const fn value(mut self, datatype: Datatype, value: &'a [u8]) -> Self {
        self.datatype = datatype;
        self.value = value;
        self
    }

    /// The same with extras.
    #[must_use]
    pub const fn extras(mut self, extras: &'a [u8]) -> Self {
        self.extras = extras;
        self
    }

    /// The same with a key.
    #[must_use]
    pub const fn key(mut self, key: &'a [u8]) -> Self {
        self.key = key;
        self
    }

    /// The same with a CAS.
    #[must_use]
    pub const fn cas(mut self, cas: Cas) -> Self {
        self.cas = cas;
        self
    }

    /// Appends it.
    ///
    /// # Panics
    /// When a part is longer than its length field can say.
    pub fn encode(&self, out: &mut BytesMut) {
        let lead = Lead::new(Magic::RESPONSE, self.opcode, self.status.0, self.opaque);
        let lead = lead.cas(self.cas).datatype(self.datatype);
        let (extras, key, value) = (self.extras, self.key, self.value);
        let head: [u8; HEADER_BYTES] = lead.dynamic_head(extras.len(), key.len(), value.len());
        out.reserve(HEADER_BYTES + extras.len() + key.len() + value.len());
        out.extend_from_slice(&head);
        put(out, extras, key, value);
    }

    /// Reads any response.
    ///
    /// # Errors
    /// When the message is a request.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        if !frame.header().magic.is_response() {
            return Err(WireError::Opcode { found: frame.opcode() });
        }
        Ok(Self {
            opcode: frame.opcode(),
            status: frame.status(),
            opaque: frame.opaque(),
            cas: frame.cas(),
            datatype: frame.datatype(),
            extras: frame.extras(),
            key: frame.key(),
            value: frame.value(),
        })
    }

    /// Reads the response to one of these commands, and takes nothing but success.
    ///
    /// # Errors
    /// [`WireError::Opcode`] when it is another message, [`WireError::Refused`] with the status if that is not
    /// success.
    pub fn accept(frame: &'a Frame, opcodes: &[Opcode]) -> Result<Self, WireError> {
        let response = Self::parse(frame)?;
        let opcode = response.opcode;
        if !opcodes.contains(&opcode) {
            return Err(WireError::Opcode { found: opcode });
        }
        if !response.status.is_success() {
            return Err(WireError::Refused { opcode, status: response.status });
        }
        Ok(response)
    }

    /// The extras, if they have this length.
    pub(super) fn exact_extras<const N: usize>(
        &self,
        allowed: &'static [usize],
    ) -> Result<&'a [u8; N], WireError> {
        let len = self.extras.len();
        self.extras.try_into().map_err(|_| WireError::Extras { opcode: self.opcode, len, allowed })
    }
}

/// Writes the head of an answer whose extras have a fixed length: `N` is 24 and that length.
#[inline]
pub(super) fn answer_head<const N: usize>(
    to: &Header,
    cas: Cas,
    datatype: Datatype,
    key_len: usize,
    value_len: usize,
) -> [u8; N] {
    Lead::new(Magic::RESPONSE, to.opcode, Status::SUCCESS.0, to.opaque)
        .cas(cas)
        .datatype(datatype)
        .head(key_len, value_len)
}

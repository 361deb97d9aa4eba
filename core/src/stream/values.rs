//! What becomes of a value on its way to the client: nothing, mostly. Otherwise it is inflated, compressed or left out.

use crate::limits::VALUE_ROOM_BYTES_KEPT;
use crate::snappy::{Compressor, SnappyFault, inflate};
use crate::types::{Datatype, DocMeta};

/// How values are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Values {
    /// Inflated, if they are kept compressed.
    #[default]
    Inflated,
    /// As they are kept: the client reads Snappy.
    AsKept,
    /// Compressed, if that makes them much smaller: the client reads Snappy, and asked for it.
    Compressed,
    /// Not at all.
    Omitted,
    /// Not at all, but the datatype is that of the value.
    OmittedWithDatatype,
}

impl Values {
    /// Whether none is sent.
    pub(super) fn are_left_out(self) -> bool {
        matches!(self, Self::Omitted | Self::OmittedWithDatatype)
    }

    /// With which datatypes a value is sent as it is kept, whatever it is; `None` if with none.
    #[inline]
    pub(super) fn kept_with(self) -> Option<KeptWith> {
        let (of, set) = match self {
            Self::Inflated => (Datatype::SNAPPY, Datatype::RAW),
            Self::AsKept => (Datatype::RAW, Datatype::RAW),
            Self::Compressed => (Datatype::SNAPPY, Datatype::SNAPPY),
            Self::Omitted | Self::OmittedWithDatatype => return None,
        };
        Some(KeptWith { of, set })
    }

    /// Whether a value is sent as it is kept.
    #[inline]
    pub(super) fn keep(self, datatype: Datatype, value: &[u8]) -> bool {
        match self {
            Self::Inflated => !datatype.contains(Datatype::SNAPPY),
            Self::AsKept => true,
            Self::Compressed => datatype.contains(Datatype::SNAPPY) || value.is_empty(),
            Self::Omitted | Self::OmittedWithDatatype => false,
        }
    }
}

/// With which datatypes values are sent as they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeptWith {
    /// Bits that are looked at.
    of: Datatype,
    /// Those of them that are set.
    set: Datatype,
}

impl KeptWith {
    /// Whether a value of that datatype is.
    #[inline]
    pub(super) fn holds(self, datatype: Datatype) -> bool {
        datatype.and(self.of) == self.set
    }
}

/// Where a connection changes values, one at a time.
#[derive(Default)]
pub(crate) struct ValueRoom {
    bytes: Vec<u8>,
    compressor: Compressor,
}

impl ValueRoom {
    /// A value as it is sent, and what it is made of then.
    pub(super) fn reshape<'r>(
        &'r mut self,
        values: Values,
        meta: &DocMeta,
        value: &'r [u8],
    ) -> Result<(Datatype, &'r [u8]), SnappyFault> {
        let datatype = meta.datatype;
        Ok(match values {
            Values::Omitted => (Datatype::RAW, &[]),
            Values::OmittedWithDatatype => (datatype, &[]),
            Values::AsKept => (datatype, value),
            Values::Inflated => {
                inflate(value, &mut self.bytes)?;
                (datatype.without(Datatype::SNAPPY), &self.bytes)
            }
            Values::Compressed if self.compressor.compress(value, &mut self.bytes) => {
                (datatype.with(Datatype::SNAPPY), &self.bytes)
            }
            Values::Compressed => (datatype, value),
        })
    }

    /// Gives up the room that one long value took.
    pub(crate) fn trim(&mut self) {
        if self.bytes.capacity() > VALUE_ROOM_BYTES_KEPT {
            self.bytes = Vec::new();
        }
    }
}

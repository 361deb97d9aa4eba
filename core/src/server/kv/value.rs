//! Values that may be compressed: what a client sends is checked, what it cannot read is inflated.

use crate::server::call::{Call, Stop};
use crate::server::peer::Peer;
use crate::server::status::Refused;
use crate::snappy::{SnappyFault, inflate};
use crate::types::Datatype;
use crate::wire::Status;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// The datatype under which a value that a client sent is kept. What was not agreed on, and what is no Snappy though it
/// says so, is refused. Who says that it is JSON is believed when it is, since readers rely on it.
pub(super) fn checked(
    call: &Call<'_, '_>,
    datatype: Datatype,
    value: &[u8],
) -> Result<Datatype, Stop> {
    call.check_datatype(datatype)?;
    if datatype == Datatype::RAW {
        return Ok(datatype);
    }
    Ok(kept(datatype, &plain(datatype, value)?))
}

/// The datatype under which a value is kept, `plain` being what it is inflated.
pub(super) fn kept(datatype: Datatype, plain: &[u8]) -> Datatype {
    let is_json = || serde_json::from_slice::<IgnoredAny>(plain).is_ok();
    if datatype.contains(Datatype::JSON) && !is_json() {
        datatype.without(Datatype::JSON)
    } else {
        datatype
    }
}

/// A value as it was before it was compressed, if it was.
pub(super) fn plain(datatype: Datatype, value: &[u8]) -> Result<Cow<'_, [u8]>, SnappyFault> {
    if !datatype.contains(Datatype::SNAPPY) {
        return Ok(Cow::Borrowed(value));
    }
    let mut room = Vec::new();
    inflate(value, &mut room)?;
    Ok(Cow::Owned(room))
}

impl Peer {
    /// A document's value and datatype as they are told to this client.
    pub(super) fn shown<'v>(
        &self,
        datatype: Datatype,
        value: &'v [u8],
    ) -> Result<(Datatype, Cow<'v, [u8]>), SnappyFault> {
        let shown = datatype.and(self.datatypes());
        let value =
            if self.reads_snappy() { Cow::Borrowed(value) } else { plain(datatype, value)? };
        Ok((shown, value))
    }
}

impl From<SnappyFault> for Refused {
    /// What a client sent; of what is kept, see [`Refused::damaged`].
    fn from(fault: SnappyFault) -> Self {
        let status = match fault {
            SnappyFault::Malformed => Status::EINVAL,
            SnappyFault::TooLong => Status::E2BIG,
        };
        Self::new(status, fault.to_string())
    }
}

//! The one place where what went wrong gets its status on the wire.
//!
//! | source | its statuses |
//! |---|---|
//! | a malformed message ([`WireError`]) | [`Status::of`] |
//! | a document that is not as the command wants it | chosen by the command: they are its meaning |
//! | a value that is no Snappy though it says so | its `From`; [`Refused::damaged`] if it is a kept one |
//! | a write that was not made | [`Refused::too_large`], [`Refused::not_active`], [`Refused::memory_full`] |
//! | a refused stream request ([`Refusal`]) | the table there |
//! | a control ([`ControlError`], [`ControlRefusal`]) | the table there |
//! | the engine ([`Error`]) | by its kind |

use crate::error::{Error, ErrorKind};
use crate::producer::{ControlError, ControlRefusal};
use crate::stream::{FilterFault, Refusal};
use crate::types::{Datatype, ManifestUid, VbState};
use crate::wire::{Header, Response, Status, WireError};
use bytes::BytesMut;
use serde_json::json;
use std::borrow::Cow;

/// A request that is answered with anything but success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: Status,
    /// What was wrong, for people; empty where the status says it all.
    why: Cow<'static, str>,
    /// The manifest that was looked at for a scope or collection that it does not have.
    manifest: Option<ManifestUid>,
}

impl Refused {
    pub(super) fn new(status: Status, why: impl Into<Cow<'static, str>>) -> Self {
        Self { status, why: why.into(), manifest: None }
    }

    /// What was wrong, for people.
    pub(super) fn why(&self) -> &str {
        &self.why
    }

    /// Appends the answer.
    pub(super) fn encode(&self, to: &Header, json: Datatype, out: &mut BytesMut) {
        let answer = Response::to(to, self.status);
        if self.why.is_empty() && self.manifest.is_none() {
            return answer.encode(out);
        }
        let mut context = json!({});
        if !self.why.is_empty() {
            context["error"] = json!({ "context": self.why });
        }
        if let Some(uid) = self.manifest {
            context["manifest_uid"] = json!(format!("{:x}", uid.0));
        }
        let context = context.to_string();
        answer.value(json, context.as_bytes()).encode(out);
    }

    /// There is no such vbucket here, or it is in another state than the command needs.
    pub(super) fn not_my_vbucket() -> Self {
        Status::NOT_MY_VBUCKET.into()
    }

    /// A DCP command on a connection that was not opened for it.
    pub(super) fn not_dcp() -> Self {
        Self::new(Status::EINVAL, "the connection was not opened for DCP")
    }

    /// A write to a vbucket that does not take any: `state` is what the vbucket says that it is.
    pub(super) fn not_active(state: Option<VbState>) -> Self {
        match state {
            // Active, and yet sealed: its state is changing, or the engine is stopping.
            Some(VbState::Active) => Self::new(Status::ETMPFAIL, "the vbucket takes no writes now"),
            _ => Self::not_my_vbucket(),
        }
    }

    /// A key or value that is longer than documents have.
    pub(super) fn too_large() -> Self {
        Self::new(Status::E2BIG, "the key or the value is too long")
    }

    /// A value that was kept compressed, and cannot be inflated for whom it has to be.
    pub(super) fn damaged() -> Self {
        Self::new(Status::EINTERNAL, "the value is marked as compressed with Snappy and is not")
    }

    /// A collection that the manifest does not have.
    pub(super) fn unknown_collection(manifest: ManifestUid) -> Self {
        Self::from(Status::UNKNOWN_COLLECTION).seen_in(manifest)
    }

    /// A scope that the manifest does not have.
    pub(super) fn unknown_scope(manifest: ManifestUid) -> Self {
        Self::from(Status::UNKNOWN_SCOPE).seen_in(manifest)
    }

    /// Tells which manifest was looked at, if that is what was wrong.
    pub(super) fn seen_in(mut self, manifest: ManifestUid) -> Self {
        if matches!(self.status, Status::UNKNOWN_COLLECTION | Status::UNKNOWN_SCOPE) {
            self.manifest = Some(manifest);
        }
        self
    }

    /// A request that found no memory, or no collection that its vbucket has yet to hear of, in time.
    pub(super) fn memory_full() -> Self {
        Self::new(Status::ETMPFAIL, "memory is full, or the vbucket is still catching up")
    }

    /// A request whose document was replaced each time its value had been read from the store.
    pub(super) fn too_contended() -> Self {
        Self::new(Status::ETMPFAIL, "the document was replaced each time its value was read")
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self { status, why: Cow::Borrowed(""), manifest: None }
    }
}

impl From<WireError> for Refused {
    fn from(error: WireError) -> Self {
        Self::new(Status::of(&error), error.to_string())
    }
}

impl From<ControlError> for Refused {
    fn from(error: ControlError) -> Self {
        Self::new(Status::EINVAL, error.to_string())
    }
}

impl From<ControlRefusal> for Refused {
    fn from(refusal: ControlRefusal) -> Self {
        let status = match refusal {
            ControlRefusal::NoSnappy
            | ControlRefusal::NoopIntervalTooShort { .. }
            | ControlRefusal::NotOpenedWithDeletedUserXattrs => Status::EINVAL,
            _ => Status::NOT_SUPPORTED,
        };
        Self::new(status, refusal.to_string())
    }
}

impl From<&Refusal> for Refused {
    /// Not for [`Refusal::Rollback`], whose answer carries a seqno, nor for [`Refusal::Closed`], which has no answer.
    fn from(refusal: &Refusal) -> Self {
        let status = match refusal {
            Refusal::UnknownFlags(_)
            | Refusal::NoValueFlag
            | Refusal::CacheTransferFlags(_)
            | Refusal::ValueNotNegotiated
            | Refusal::Filter(FilterFault::Invalid | FilterFault::Unreadable(_)) => Status::EINVAL,
            Refusal::NoSuchVbucket | Refusal::NotStreamable(_) => return Self::not_my_vbucket(),
            Refusal::StartAboveEnd { .. }
            | Refusal::OutsideSnapshot { .. }
            | Refusal::StartAboveLatest { .. } => Status::ERANGE,
            Refusal::Filter(FilterFault::UnknownCollection(_)) | Refusal::FilterGone => {
                Status::UNKNOWN_COLLECTION
            }
            Refusal::Filter(FilterFault::UnknownScope(_)) => Status::UNKNOWN_SCOPE,
            Refusal::Filter(FilterFault::Access) => Status::EACCESS,
            Refusal::Filter(FilterFault::StreamId)
            | Refusal::StreamIdRequired
            | Refusal::StreamIdNotEnabled => Status::DCP_STREAM_ID_INVALID,
            Refusal::StreamExists => Status::KEY_EEXISTS,
            Refusal::MemoryExhausted | Refusal::TooManyStreams => Status::ENOMEM,
            Refusal::MemoryShort
            | Refusal::InFirstDiskSnapshot
            | Refusal::EndsUntold
            | Refusal::Closed => Status::ETMPFAIL,
            Refusal::Rollback { .. } => Status::ROLLBACK,
            Refusal::FlagsNotBuilt(_)
            | Refusal::Filter(FilterFault::NotBuilt(_))
            | Refusal::NoopRequired
            | Refusal::FilterWithSyncReplication => Status::NOT_SUPPORTED,
        };
        Self::new(status, refusal.to_string())
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Misuse | ErrorKind::Peer => Status::EINVAL,
            ErrorKind::Corrupt => Status::EINTERNAL,
            ErrorKind::Retry | ErrorKind::Closed | ErrorKind::Unavailable => Status::ETMPFAIL,
            ErrorKind::Rollback { .. } => Status::ROLLBACK,
        };
        Self::new(status, error.to_string())
    }
}

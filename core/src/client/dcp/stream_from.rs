//! Where a stream starts, and what it shows.

use crate::client::resume::ResumeToken;
use crate::types::{Seqno, Sid, VbUuid};
use crate::wire::CollectionId;
use crate::wire::dcp::StreamFlags;
use serde_json::{Map, Value};

/// Where a stream starts: behind the last seqno that the client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFrom {
    /// The last seqno that the client has.
    pub seqno: Seqno,
    /// The branch of history that it is on; 0 if unknown.
    pub uuid: VbUuid,
    /// Start of the snapshot that it belongs to.
    pub snap_start: Seqno,
    /// End of that snapshot.
    pub snap_end: Seqno,
    /// The purge seqno that the client was told of last; sent on connections with collections.
    pub purge_seqno: Option<Seqno>,
}

impl StreamFrom {
    /// From the first seqno on.
    pub const BEGINNING: Self = Self {
        seqno: Seqno::ZERO,
        uuid: VbUuid::ZERO,
        snap_start: Seqno::ZERO,
        snap_end: Seqno::ZERO,
        purge_seqno: None,
    };
}

impl From<&ResumeToken> for StreamFrom {
    fn from(token: &ResumeToken) -> Self {
        let ResumeToken { seqno, uuid, snap_start, snap_end, purge_seqno, .. } = *token;
        Self { seqno, uuid, snap_start, snap_end, purge_seqno }
    }
}

/// What a stream shows, and where it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// Where it ends; [`Seqno::MAX`] for never.
    pub end: Seqno,
    /// How it starts and ends.
    pub flags: StreamFlags,
    /// Its stream id; needed if the connection has stream ids, and not allowed otherwise.
    pub sid: Option<Sid>,
    /// Only these collections; empty: all. Needs a connection with collections.
    pub collections: Vec<CollectionId>,
    /// Only the collections of this scope. Needs a connection with collections; not with `collections`.
    pub scope: Option<u32>,
    /// The purge seqno of the last marker that had one; if not set, that of the [`StreamFrom`] is sent.
    pub purge_seqno: Option<Seqno>,
}

impl Default for StreamOptions {
    /// Everything, without an end.
    fn default() -> Self {
        Self {
            end: Seqno::MAX,
            flags: StreamFlags::NONE,
            sid: None,
            collections: Vec::new(),
            scope: None,
            purge_seqno: None,
        }
    }
}

impl StreamOptions {
    /// Everything up to and including this seqno.
    #[must_use]
    pub fn up_to(end: Seqno) -> Self {
        Self { end, ..Self::default() }
    }

    /// The value of the stream request: nothing, or a JSON object.
    pub(super) fn to_json(&self) -> String {
        let mut object = Map::new();
        if let Some(sid) = self.sid {
            object.insert("sid".into(), Value::from(sid.get()));
        }
        if !self.collections.is_empty() {
            let hex = self.collections.iter().map(|id| Value::from(format!("{:x}", id.0)));
            object.insert("collections".into(), hex.collect());
        }
        if let Some(scope) = self.scope {
            object.insert("scope".into(), Value::from(format!("{scope:x}")));
        }
        if let Some(purge) = self.purge_seqno {
            object.insert("purge_seqno".into(), Value::from(purge.to_string()));
        }
        if object.is_empty() { String::new() } else { Value::Object(object).to_string() }
    }
}

//! From the producer's events to the connection's output.

use crate::collections::{self, SystemChange};
use crate::server::output::Output;
use crate::stream::{Event, Layout, Sink, StreamName};
use crate::types::{Cas, Datatype, DocKind, DocMeta, Seqno};
use crate::wire::dcp::{
    Deletion, Expiration, MarkerExtension, MarkerFlags, Mutation, Noop, SeqnoAdvanced,
    SnapshotMarker, StreamEnd, StreamTag, SystemEvent, SystemEventKind,
};
use bytes::{BufMut, BytesMut};

/// Appends messages to a connection's output, up to a mark.
pub(in crate::server) struct OutputSink<'a> {
    output: &'a mut Output,
    room: usize,
    layout: Layout,
    /// Bits of a datatype that the client reads.
    datatypes: Datatype,
}

impl<'a> OutputSink<'a> {
    /// A sink that takes messages until `room` bytes of output are unsent.
    pub(in crate::server) fn new(
        output: &'a mut Output,
        room: usize,
        layout: Layout,
        datatypes: Datatype,
    ) -> Self {
        Self { output, room, layout, datatypes }
    }

    fn document(&mut self, stream: StreamName, meta: &DocMeta, key: &[u8], value: &[u8]) {
        let tag = tag(stream);
        let datatype = meta.datatype.and(self.datatypes);
        let (seqno, rev, cas) = (meta.seqno, meta.rev, meta.cas);
        let out = self.output.buffer();
        let Layout { delete_times, expirations, .. } = self.layout;
        match meta.kind {
            DocKind::Alive => {
                let (flags, expiry) = (meta.flags, meta.expiry);
                let (lock_time, nru) = (0, 0);
                Mutation {
                    tag,
                    seqno,
                    rev,
                    cas,
                    flags,
                    expiry,
                    lock_time,
                    nru,
                    datatype,
                    key,
                    value,
                }
                .encode(out);
            }
            DocKind::Expired if expirations && delete_times => {
                let delete_time = meta.expiry;
                Expiration { tag, seqno, rev, cas, delete_time, datatype, key, value }.encode(out);
            }
            DocKind::Deleted | DocKind::Expired => {
                let delete_time = delete_times.then_some(meta.expiry);
                Deletion { tag, seqno, rev, cas, delete_time, datatype, key, value }.encode(out);
            }
        }
    }
}

impl Sink for OutputSink<'_> {
    fn has_room(&self) -> bool {
        self.output.len() < self.room
    }

    fn send(&mut self, event: &Event<'_>) {
        match *event {
            Event::Document { stream, meta, key, value } => self.document(stream, meta, key, value),
            Event::SnapshotMarker { stream, start, end, flags, purge } => {
                let (tag, flags) = (tag(stream), MarkerFlags(flags.0));
                let extension = purge.map_or(MarkerExtension::None, |purge| with_purge(end, purge));
                SnapshotMarker { tag, start, end, flags, extension }.encode(self.out());
            }
            Event::System { stream, event, flat } => self.system(stream, &event, flat),
            Event::SeqnoAdvanced { stream, seqno } => {
                SeqnoAdvanced { tag: tag(stream), seqno }.encode(self.out());
            }
            Event::StreamEnd { stream, reason } => {
                StreamEnd::new(tag(stream), reason).encode(self.out());
            }
            Event::Noop { opaque } => Noop.encode(opaque, self.out()),
        }
    }
}

impl OutputSink<'_> {
    fn system(
        &mut self,
        stream: StreamName,
        event: &collections::SystemEvent<'_>,
        flat: Option<&[u8]>,
    ) {
        let kind = match event.change {
            SystemChange::CollectionCreated { .. } => SystemEventKind::CREATE_COLLECTION,
            SystemChange::CollectionModified { .. } => SystemEventKind::MODIFY_COLLECTION,
            SystemChange::CollectionDropped { .. } => SystemEventKind::DROP_COLLECTION,
            SystemChange::ScopeCreated { .. } => SystemEventKind::CREATE_SCOPE,
            SystemChange::ScopeDropped { .. } => SystemEventKind::DROP_SCOPE,
        };
        let mut room = [0; SYSTEM_VALUE_BYTES_MAX];
        let (version, value) = match flat {
            Some(flat) => (2, flat),
            None => numbers(event, &mut room),
        };
        let (seqno, cas, datatype) = (event.seqno, Cas::ZERO, Datatype::RAW);
        let (tag, name) = (tag(stream), event.change.name().as_bytes());
        SystemEvent { tag, seqno, kind, version, cas, datatype, name, value }.encode(self.out());
    }

    fn out(&mut self) -> &mut BytesMut {
        self.output.buffer()
    }
}

/// What a marker says of a snapshot from the store to a client that wants to know the purge seqno. There are no durable
/// writes, so that everything up to the end is visible.
fn with_purge(end: Seqno, purge: Seqno) -> MarkerExtension {
    let (high_completed, high_prepared) = (Seqno::ZERO, Seqno::ZERO);
    MarkerExtension::V2_2 { max_visible: end, high_completed, purge, high_prepared }
}

/// Version and value of an event in the layout of numbers.
fn numbers<'r>(
    event: &collections::SystemEvent<'_>,
    value: &'r mut [u8; SYSTEM_VALUE_BYTES_MAX],
) -> (u8, &'r [u8]) {
    let mut room = &mut value[..];
    room.put_u64(event.manifest.0);
    let mut version = 0;
    match event.change {
        SystemChange::CollectionCreated { scope, collection, max_ttl, .. }
        | SystemChange::CollectionModified { scope, collection, max_ttl, .. } => {
            room.put_u32(scope.0);
            room.put_u32(collection.0);
            if max_ttl != 0 {
                version = 1;
                room.put_u32(max_ttl);
            }
        }
        SystemChange::CollectionDropped { scope, collection } => {
            room.put_u32(scope.0);
            room.put_u32(collection.0);
        }
        SystemChange::ScopeCreated { scope, .. } | SystemChange::ScopeDropped { scope } => {
            room.put_u32(scope.0);
        }
    }
    let len = SYSTEM_VALUE_BYTES_MAX - room.len();
    (version, &value[..len])
}

/// Manifest, scope, collection and time to live.
const SYSTEM_VALUE_BYTES_MAX: usize = 8 + 4 + 4 + 4;

fn tag(stream: StreamName) -> StreamTag {
    StreamTag { opaque: stream.opaque, vb: stream.vb, sid: stream.sid }
}

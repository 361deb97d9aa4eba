//! From the producer's events to the connection's output.

use crate::collections::{self, SystemChange};
use crate::server::output::Output;
use crate::stream::{Event, Layout, Sink, StreamName};
use crate::types::{Cas, Datatype, DocKind, DocMeta};
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
        let datatype = Datatype(meta.datatype.0 & self.datatypes.0);
        let (seqno, rev, cas) = (meta.seqno, meta.rev, meta.cas);
        let out = self.output.buffer();
        let Layout { delete_times, expirations } = self.layout;
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
            Event::SnapshotMarker { stream, start, end, flags } => {
                let (tag, flags) = (tag(stream), MarkerFlags(flags.0));
                let extension = MarkerExtension::None;
                SnapshotMarker { tag, start, end, flags, extension }.encode(self.out());
            }
            Event::System { stream, event } => self.system(stream, &event),
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
    fn system(&mut self, stream: StreamName, event: &collections::SystemEvent<'_>) {
        let (kind, name) = match event.change {
            SystemChange::CollectionCreated { name, .. } => {
                (SystemEventKind::CREATE_COLLECTION, name)
            }
            SystemChange::CollectionDropped { .. } => (SystemEventKind::DROP_COLLECTION, ""),
            SystemChange::ScopeCreated { name, .. } => (SystemEventKind::CREATE_SCOPE, name),
            SystemChange::ScopeDropped { .. } => (SystemEventKind::DROP_SCOPE, ""),
        };
        let mut value = [0; SYSTEM_VALUE_BYTES_MAX];
        let mut room = &mut value[..];
        room.put_u64(event.manifest.0);
        let mut version = 0;
        match event.change {
            SystemChange::CollectionCreated { scope, collection, max_ttl, .. } => {
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
        let unused = room.len();
        let value = &value[..SYSTEM_VALUE_BYTES_MAX - unused];
        let (seqno, cas, datatype) = (event.seqno, Cas::ZERO, Datatype::RAW);
        let (tag, name) = (tag(stream), name.as_bytes());
        SystemEvent { tag, seqno, kind, version, cas, datatype, name, value }.encode(self.out());
    }

    fn out(&mut self) -> &mut BytesMut {
        self.output.buffer()
    }
}

/// Manifest, scope, collection and time to live.
const SYSTEM_VALUE_BYTES_MAX: usize = 8 + 4 + 4 + 4;

fn tag(stream: StreamName) -> StreamTag {
    StreamTag { opaque: stream.opaque, vb: stream.vb, sid: stream.sid }
}

//! From the producer's events to the connection's output.

use crate::server::output::Output;
use crate::stream::{Event, Layout, Sink, StreamName};
use crate::types::{Datatype, DocKind, DocMeta};
use crate::wire::dcp::{
    Deletion, Expiration, MarkerExtension, MarkerFlags, Mutation, Noop, SnapshotMarker, StreamEnd,
    StreamTag,
};
use bytes::BytesMut;

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
            Event::StreamEnd { stream, reason } => {
                StreamEnd::new(tag(stream), reason).encode(self.out());
            }
            Event::Noop { opaque } => Noop.encode(opaque, self.out()),
        }
    }
}

impl OutputSink<'_> {
    fn out(&mut self) -> &mut BytesMut {
        self.output.buffer()
    }
}

fn tag(stream: StreamName) -> StreamTag {
    StreamTag { opaque: stream.opaque, vb: stream.vb, sid: stream.sid }
}

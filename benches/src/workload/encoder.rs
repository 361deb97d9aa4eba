//! A sink that encodes, as the server's does.

use bytes::BytesMut;
use millstream::stream::{Event, Sink};
use millstream::wire::dcp::{
    MarkerExtension, MarkerFlags, Mutation, Noop, SnapshotMarker, StreamEnd, StreamTag,
};
use std::hint::black_box;

/// Encodes each message into one buffer, which is given away when it is full.
#[derive(Debug)]
pub struct Encoder {
    buffer: BytesMut,
    frame_bytes: usize,
    /// Documents that were encoded.
    pub documents: u64,
}

impl Encoder {
    /// With frames of that many bytes.
    #[must_use]
    pub fn new(frame_bytes: usize) -> Self {
        Self { buffer: BytesMut::new(), frame_bytes, documents: 0 }
    }

    /// The frame leaves; how many bytes it had.
    pub fn give_away(&mut self) -> u64 {
        let bytes = black_box(&self.buffer[..]).len();
        self.buffer.clear();
        bytes as u64
    }
}

impl Sink for Encoder {
    fn has_room(&self) -> bool {
        self.buffer.len() < self.frame_bytes
    }

    fn send(&mut self, event: &Event<'_>) {
        let out = &mut self.buffer;
        match *event {
            Event::Document { stream, meta, key, value } => {
                self.documents += 1;
                let tag = StreamTag { opaque: stream.opaque, vb: stream.vb, sid: stream.sid };
                Mutation {
                    tag,
                    seqno: meta.seqno,
                    rev: meta.rev,
                    cas: meta.cas,
                    flags: meta.flags,
                    expiry: meta.expiry,
                    lock_time: 0,
                    nru: 0,
                    datatype: meta.datatype,
                    key,
                    value,
                }
                .encode(out);
            }
            Event::SnapshotMarker { stream, start, end, flags, .. } => {
                let tag = StreamTag { opaque: stream.opaque, vb: stream.vb, sid: stream.sid };
                let (flags, extension) = (MarkerFlags(flags.0), MarkerExtension::None);
                SnapshotMarker { tag, start, end, flags, extension }.encode(out);
            }
            Event::StreamEnd { stream, reason } => {
                let tag = StreamTag { opaque: stream.opaque, vb: stream.vb, sid: stream.sid };
                StreamEnd::new(tag, reason).encode(out);
            }
            Event::Noop { opaque } => Noop.encode(opaque, out),
            _ => unreachable!("nobody made a collection"),
        }
    }
}

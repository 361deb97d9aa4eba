//! A DCP client for tests: opens, asks for streams, and takes what they send.

use super::client::Client;
use super::running::Running;
use bytes::BytesMut;
use millstream::types::{EndReason, FailoverEntry, Opaque, Seqno, VbId, VbUuid};
use millstream::wire::dcp::{
    BufferAck, Control, FailoverLogAnswer, NoopAnswer, Open, OpenFlags, StreamFlags, StreamMessage,
    StreamReq,
};
use millstream::wire::{Frame, Opcode, Status};
use std::ops::{Deref, DerefMut};

/// A connection that was opened for DCP.
pub(super) struct Dcp {
    client: Client,
}

impl Deref for Dcp {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Dcp {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// Everything from the beginning, without end.
pub(super) fn from_zero(vb: u16) -> StreamReq<'static> {
    StreamReq {
        vb: VbId(vb),
        flags: StreamFlags::NONE,
        start: Seqno::ZERO,
        end: Seqno::MAX,
        uuid: VbUuid::ZERO,
        snap_start: Seqno::ZERO,
        snap_end: Seqno::ZERO,
        value: &[],
    }
}

impl Dcp {
    /// Opens a connection of that name.
    pub(super) fn open(server: &Running, name: &str) -> Self {
        Self::open_with(server, name, OpenFlags::PRODUCER)
    }

    pub(super) fn open_with(server: &Running, name: &str, flags: OpenFlags) -> Self {
        let mut client = server.client();
        let open = Open { flags, name: name.as_bytes(), value: &[] };
        assert_eq!(client.status(|opaque, out| open.encode(opaque, out)), Status::SUCCESS);
        Self { client }
    }

    /// Sets a control, which has to be granted.
    pub(super) fn control(&mut self, key: &str, value: &str) {
        assert_eq!(self.try_control(key, value), Status::SUCCESS, "{key} = {value}");
    }

    pub(super) fn try_control(&mut self, key: &str, value: &str) -> Status {
        let control = Control { key: key.as_bytes(), value: value.as_bytes() };
        self.status(|opaque, out| control.encode(opaque, out))
    }

    /// Asks for a stream that has to be granted; its opaque and failover log.
    pub(super) fn stream(&mut self, request: &StreamReq<'_>) -> (Opaque, Vec<FailoverEntry>) {
        let frame = self.ask(|opaque, out| request.encode(opaque, out));
        let log = FailoverLogAnswer::parse(&frame).expect("a failover log");
        (frame.opaque(), log.entries)
    }

    pub(super) fn ack(&mut self, bytes: u32) {
        let mut out = BytesMut::new();
        BufferAck { bytes }.encode(Opaque(0), &mut out);
        self.send(&out);
    }

    /// The next message of a stream; no-ops are answered on the way.
    pub(super) fn event(&mut self) -> Frame {
        loop {
            let frame = self.next();
            if frame.opcode() != Opcode::DCP_NOOP {
                assert!(frame.header().magic.is_request(), "a message of a stream, not {frame:?}");
                return frame;
            }
            let mut out = BytesMut::new();
            NoopAnswer.encode(frame.opaque(), &mut out);
            self.send(&out);
        }
    }

    /// Takes messages until a stream ends, or it has shown `end`; the keys and values of its documents in their order.
    pub(super) fn documents(&mut self, end: Seqno) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut documents = Vec::new();
        loop {
            let frame = self.event();
            match StreamMessage::parse(&frame).expect("a message of a stream") {
                StreamMessage::Mutation(m) => {
                    documents.push((m.key.to_vec(), m.value.to_vec()));
                    if m.seqno == end {
                        return documents;
                    }
                }
                StreamMessage::SnapshotMarker(_) => {}
                StreamMessage::StreamEnd(e) => {
                    assert_eq!(e.reason, EndReason::Ok as u32);
                    return documents;
                }
                other => panic!("not expected here: {other:?}"),
            }
        }
    }
}

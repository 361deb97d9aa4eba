//! The parts that need no socket.

use super::auth::Plain;
use super::output::Output;
use super::settings::{Secret, ServerSettings, User};
use super::status::Refused;
use crate::error::{Error, ErrorKind};
use crate::failover::Rule;
use crate::limits::OUTPUT_BYTES_KEPT;
use crate::producer::{ControlError, ControlRefusal};
use crate::stream::{FilterFault, Refusal, StreamFlags};
use crate::types::{Seqno, VbState};
use crate::wire::Status;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io;
use std::time::Duration;
use tokio::io::AsyncWrite;

/// A socket that takes so many bytes.
struct Socket {
    room: usize,
    taken: Vec<u8>,
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = bytes.len().min(self.room);
        if n == 0 {
            return Poll::Pending;
        }
        self.room -= n;
        self.taken.extend_from_slice(&bytes[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Lets a socket take so many bytes more; whether it took any.
fn write(output: &mut Output, socket: &mut Socket, room: usize) -> bool {
    socket.room = room;
    match output.poll_write(&mut Context::from_waker(Waker::noop()), socket) {
        Poll::Ready(written) => written.is_ok(),
        Poll::Pending => false,
    }
}

/// An idle client costs its task, above all: what is rare, such as a handshake or the end, has to be outside of it.
#[test]
fn a_clients_task_is_small() {
    let connection = size_of::<super::connection::Connection>();
    let task = super::listener::task_bytes();
    println!("a client's task: {task} bytes, of which {connection} are its connection");
    assert!(task <= connection + 1024, "{task} bytes, the connection has {connection}");
    assert!(task <= 4096, "{task} bytes");
}

#[test]
fn output_leaves_in_its_order_whatever_the_socket_takes() {
    let (mut output, mut socket) = (Output::new(), Socket { room: 0, taken: Vec::new() });
    let (mut expected, mut byte) = (Vec::new(), 0_u8);
    for round in 0..2000_usize {
        let chunk: Vec<u8> = (0..round * 7 % 97)
            .map(|_| {
                byte = byte.wrapping_add(1);
                byte
            })
            .collect();
        output.buffer().extend_from_slice(&chunk);
        expected.extend_from_slice(&chunk);
        write(&mut output, &mut socket, round * 13 % 101);
        assert_eq!(output.len(), expected.len() - socket.taken.len());
    }
    while output.len() > 0 {
        assert!(write(&mut output, &mut socket, 1000));
    }
    assert_eq!(socket.taken, expected);
}

#[test]
fn withheld_output_stays_until_it_is_released() {
    let (mut output, mut socket) = (Output::new(), Socket { room: 0, taken: Vec::new() });
    output.buffer().extend_from_slice(b"before");
    let from = output.end();
    output.buffer().extend_from_slice(b"withheld");
    output.withhold(Some(from));
    assert!(output.has_sendable());
    assert!(write(&mut output, &mut socket, 4));
    // What is sent is given up in between.
    assert!(write(&mut output, &mut socket, 100));
    assert!(!output.has_sendable());
    assert!(!write(&mut output, &mut socket, 100));
    assert_eq!((&*socket.taken, output.len()), (&b"before"[..], 8));
    output.withhold(None);
    assert!(write(&mut output, &mut socket, 100));
    assert_eq!(socket.taken, b"beforewithheld");
    // From the very beginning of what is left.
    output.withhold(Some(output.end()));
    output.buffer().extend_from_slice(b"more");
    assert!(!output.has_sendable());
    output.withhold(None);
    assert!(output.has_sendable());
}

#[test]
fn an_idle_buffer_keeps_little() {
    let (mut output, mut socket) = (Output::new(), Socket { room: 0, taken: Vec::new() });
    output.buffer().extend_from_slice(&vec![0; 8 * OUTPUT_BYTES_KEPT]);
    assert!(write(&mut output, &mut socket, usize::MAX));
    assert_eq!((output.len(), output.buffer().capacity()), (0, 0));
    output.keep(8 * OUTPUT_BYTES_KEPT);
    output.buffer().extend_from_slice(&vec![0; 8 * OUTPUT_BYTES_KEPT]);
    assert!(write(&mut output, &mut socket, usize::MAX));
    assert!(output.buffer().capacity() >= 8 * OUTPUT_BYTES_KEPT, "a busy one keeps its room");
}

#[test]
fn secrets_are_compared_and_not_shown() {
    let secret = Secret::new("hunter2");
    assert!(secret.matches(b"hunter2"));
    for wrong in [&b""[..], b"hunter", b"hunter22", b"Hunter2", b"hunter2\0"] {
        assert!(!secret.matches(wrong), "{wrong:?}");
    }
    assert!(Secret::new("").matches(b""));
    assert!(!Secret::new("").matches(b"\0"));
    let users = vec![User::new("user", secret)];
    let settings = ServerSettings { users, ..ServerSettings::default() };
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn plain_has_three_parts() {
    let users = [User::new("user", Secret::new("word"))];
    let enters = |data: &[u8]| Plain::parse(data).is_some_and(|plain| plain.is_one_of(&users));
    assert!(enters(b"\0user\0word"));
    assert!(enters(b"\0user\0word\0"), "one client ends it with a NUL");
    assert!(enters(b"user\0user\0word"));
    for wrong in [&b""[..], b"user", b"\0user", b"\0user\0word\0\0", b"root\0user\0word", b"\0\0"] {
        assert!(!enters(wrong), "{wrong:?}");
    }
}

#[test]
fn refusals_of_streams_have_the_statuses_of_the_table() {
    let seqno = Seqno(1);
    let flags = StreamFlags::NONE;
    let cases = [
        (Refusal::UnknownFlags(flags), Status::EINVAL),
        (Refusal::NoValueFlag, Status::EINVAL),
        (Refusal::CacheTransferFlags(flags), Status::EINVAL),
        (Refusal::ValueNotNegotiated, Status::EINVAL),
        (Refusal::FlagsNotBuilt(flags), Status::NOT_SUPPORTED),
        (Refusal::NoSuchVbucket, Status::NOT_MY_VBUCKET),
        (Refusal::NotStreamable(VbState::Dead), Status::NOT_MY_VBUCKET),
        (Refusal::NoopRequired, Status::NOT_SUPPORTED),
        (Refusal::StartAboveEnd { start: seqno, end: seqno }, Status::ERANGE),
        (
            Refusal::OutsideSnapshot { start: seqno, snap_start: seqno, snap_end: seqno },
            Status::ERANGE,
        ),
        (Refusal::Filter(FilterFault::UnknownCollection(1)), Status::UNKNOWN_COLLECTION),
        (Refusal::Filter(FilterFault::UnknownScope(1)), Status::UNKNOWN_SCOPE),
        (Refusal::Filter(FilterFault::Access), Status::EACCESS),
        (Refusal::Filter(FilterFault::Invalid), Status::EINVAL),
        (Refusal::Filter(FilterFault::Unreadable("why")), Status::EINVAL),
        (Refusal::Filter(FilterFault::NotBuilt("why")), Status::NOT_SUPPORTED),
        (Refusal::Filter(FilterFault::StreamId), Status::DCP_STREAM_ID_INVALID),
        (Refusal::StreamIdRequired, Status::DCP_STREAM_ID_INVALID),
        (Refusal::StreamIdNotEnabled, Status::DCP_STREAM_ID_INVALID),
        (Refusal::FilterWithSyncReplication, Status::NOT_SUPPORTED),
        (Refusal::StreamExists, Status::KEY_EEXISTS),
        (Refusal::Rollback { to: seqno, rule: Rule::Purged }, Status::ROLLBACK),
        (Refusal::FilterGone, Status::UNKNOWN_COLLECTION),
        (Refusal::StartAboveLatest { start: seqno, end: seqno }, Status::ERANGE),
        (Refusal::MemoryShort, Status::ETMPFAIL),
        (Refusal::MemoryExhausted, Status::ENOMEM),
        (Refusal::InFirstDiskSnapshot, Status::ETMPFAIL),
    ];
    for (refusal, status) in cases {
        assert_eq!(Refused::from(&refusal).status, status, "{refusal}");
    }
}

#[test]
fn refusals_of_controls_have_the_statuses_of_the_table() {
    let min = Duration::from_millis(100);
    let cases = [
        (ControlRefusal::NoSnappy, Status::EINVAL),
        (ControlRefusal::NoopIntervalTooShort { min }, Status::EINVAL),
        (ControlRefusal::NotOpenedWithDeletedUserXattrs, Status::EINVAL),
        (ControlRefusal::StreamBufferSize, Status::NOT_SUPPORTED),
        (ControlRefusal::StreamIdsWithSyncWrites, Status::NOT_SUPPORTED),
        (ControlRefusal::NoHistory, Status::NOT_SUPPORTED),
        (ControlRefusal::NoCollections, Status::NOT_SUPPORTED),
        (ControlRefusal::NoCacheTransfer, Status::NOT_SUPPORTED),
    ];
    for (refusal, status) in cases {
        assert_eq!(Refused::from(refusal).status, status, "{refusal}");
    }
    assert_eq!(Refused::from(ControlError::NoKey).status, Status::EINVAL);
}

#[test]
fn errors_of_the_engine_have_statuses_by_kind() {
    let cases = [
        (ErrorKind::Retry, Status::ETMPFAIL),
        (ErrorKind::Closed, Status::ETMPFAIL),
        (ErrorKind::Unavailable, Status::ETMPFAIL),
        (ErrorKind::Misuse, Status::EINVAL),
        (ErrorKind::Peer, Status::EINVAL),
        (ErrorKind::Corrupt, Status::EINTERNAL),
        (ErrorKind::Rollback { to: Seqno(0) }, Status::ROLLBACK),
    ];
    for (kind, status) in cases {
        assert_eq!(Refused::from(Error::new(kind, "why")).status, status, "{kind:?}");
    }
    assert_eq!(Refused::not_active(None).status, Status::NOT_MY_VBUCKET);
    assert_eq!(Refused::not_active(Some(VbState::Replica)).status, Status::NOT_MY_VBUCKET);
    assert_eq!(Refused::not_active(Some(VbState::Active)).status, Status::ETMPFAIL);
}

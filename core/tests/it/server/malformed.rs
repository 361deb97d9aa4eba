//! Messages that are none: refused on their header, before anything is set aside for their body.

use super::client::Client;
use super::dcp::Dcp;
use super::requests::{get, set};
use super::running::{Running, Wanted};
use crate::allocations::largest_since_last_asked;
use bytes::BytesMut;
use millstream::Engine;
use millstream::limits::{
    FRAME_BODY_BYTES_MAX, FRAME_SKIP_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX,
};
use millstream::server::{Secret, Server, User};
use millstream::store::MemoryStore;
use millstream::types::{Cas, Datatype, Opaque};
use millstream::wire::kv::Noop;
use millstream::wire::{Header, Magic, Opcode, Status};
use std::net::SocketAddr;

/// A SET of vbucket 0 that promises such a body.
fn header(body_len: u32) -> Header {
    Header {
        magic: Magic::REQUEST,
        opcode: Opcode::SET,
        framing_len: 0,
        key_len: 3,
        extras_len: 8,
        datatype: Datatype::RAW,
        vbucket_or_status: 0,
        body_len,
        opaque: Opaque(0x0bad),
        cas: Cas::ZERO,
    }
}

/// Takes the answer to `header`; its status.
fn refused(client: &mut Client) -> Status {
    let frame = client.next();
    assert_eq!((frame.opcode(), frame.opaque()), (Opcode::SET, Opaque(0x0bad)));
    frame.status()
}

#[test]
fn parts_longer_than_the_body_end_the_connection() {
    let server = Running::start();
    for wrong in [
        header(10),
        header(0),
        Header { key_len: u16::MAX, ..header(100) },
        Header { extras_len: 255, ..header(100) },
        Header { magic: Magic::FLEX_REQUEST, framing_len: 255, ..header(100) },
    ] {
        let mut client = server.client();
        client.send(&wrong.to_bytes());
        assert_eq!(refused(&mut client), Status::EINVAL, "{wrong:?}");
        client.is_closed();
    }
}

#[test]
fn what_came_before_is_answered_first() {
    let server = Running::start();
    let mut client = server.client();
    let mut out = BytesMut::new();
    set(0, b"key", b"value").encode(Opaque(1), &mut out);
    get(0, b"key").encode(Opaque(2), &mut out);
    out.extend_from_slice(&header(10).to_bytes());
    Noop.encode(Opaque(3), &mut out);
    client.send(&out);
    assert_eq!(client.next().opaque(), Opaque(1));
    assert_eq!(client.next().value(), b"value");
    assert_eq!(refused(&mut client), Status::EINVAL);
    client.is_closed();
}

#[test]
fn another_protocol_is_not_answered() {
    let server = Running::start();
    for bytes in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0; 64], &[0x16; 64], &[0x81; 200]] {
        let mut client = server.client();
        client.send(bytes);
        client.is_closed();
    }
    let mut out = BytesMut::new();
    Noop.encode(Opaque(1), &mut out);
    for magic in [0x82, 0x83] {
        out[0] = magic;
        let mut client = server.client();
        client.send(&out);
        client.is_closed();
    }
}

#[test]
fn a_body_that_is_too_large_is_skipped() {
    let server = Running::start();
    let mut client = server.client();
    let body_len = FRAME_BODY_BYTES_MAX as u32 + 1;
    client.send(&header(body_len).to_bytes());
    assert_eq!(refused(&mut client), Status::E2BIG, "before its body has come");
    let chunk = vec![0xff; 1 << 20];
    let mut left = body_len as usize;
    while left > 0 {
        let n = left.min(chunk.len());
        client.send(&chunk[..n]);
        left -= n;
    }
    client.store(set(0, b"key", b"the connection goes on"));
}

#[test]
fn a_body_that_is_far_too_large_ends_the_connection() {
    let server = Running::start();
    for body_len in [FRAME_SKIP_BYTES_MAX as u32 + 1, u32::MAX] {
        let mut client = server.client();
        client.send(&header(body_len).to_bytes());
        assert_eq!(refused(&mut client), Status::E2BIG);
        client.is_closed();
    }
}

#[test]
fn framing_extras_are_read_and_refused() {
    let server = Running::start();
    let mut client = server.client();
    // On whose behalf (4), one byte; then a key.
    let noted = Header { magic: Magic::FLEX_REQUEST, framing_len: 2, ..header(2 + 8 + 3) };
    client.send(&noted.to_bytes());
    client.send(&[0x41, 0x01]);
    client.send(&[0; 8]);
    client.send(b"key");
    assert_eq!(refused(&mut client), Status::UNKNOWN_FRAME_INFO);
    // An entry that is longer than the framing extras.
    client.send(&noted.to_bytes());
    client.send(&[0x1f, 0xff]);
    client.send(&[0; 8]);
    client.send(b"key");
    assert_eq!(refused(&mut client), Status::EINVAL);
    assert!(!client.has(0, b"key"));
}

#[test]
fn commands_with_parts_of_wrong_length_are_refused_and_the_connection_goes_on() {
    let server = Running::start();
    let mut dcp = Dcp::open(&server, "lengths");
    for opcode in Opcode::ALL {
        let strange = matches!(*opcode, Opcode::QUIT | Opcode::QUITQ);
        // Seven bytes of extras suit no command.
        let wrong = Header { opcode: *opcode, extras_len: 7, key_len: 1, ..header(8) };
        if strange {
            continue;
        }
        dcp.send(&wrong.to_bytes());
        dcp.send(&[1; 8]);
        let frame = dcp.next();
        assert_eq!((frame.opcode(), frame.opaque()), (*opcode, Opaque(0x0bad)));
        let refused = [Status::EINVAL, Status::UNKNOWN_COMMAND, Status::NOT_SUPPORTED];
        assert!(refused.contains(&frame.status()), "{opcode}: {}", frame.status());
    }
    dcp.control("enable_noop", "true");
}

/// Bodies of 19 MiB whose headers are well-formed, and which their commands do not take; with what is answered.
const LARGE: u32 = 19 << 20;

fn large_bodies() -> [(Header, Status); 9] {
    let of = |opcode, extras_len, key_len| Header { opcode, extras_len, key_len, ..header(LARGE) };
    [
        (of(Opcode::NOOP, 0, 0), Status::EINVAL),
        (of(Opcode::GET, 0, 3), Status::EINVAL),
        (of(Opcode(0xee), 0, 0), Status::UNKNOWN_COMMAND),
        (of(Opcode::FLUSH, 4, 0), Status::NOT_SUPPORTED),
        (of(Opcode::DCP_MUTATION, 31, 3), Status::EINVAL),
        (of(Opcode::DCP_STREAM_REQ, 48, 0), Status::E2BIG),
        (of(Opcode::SET, 4, 3), Status::EINVAL),
        (of(Opcode::SET, 8, 60_000), Status::EINVAL),
        (Header { magic: Magic::FLEX_REQUEST, ..of(Opcode::GETQ, 0, 3) }, Status::EINVAL),
    ]
}

/// The largest piece of memory that a server asked for while a client was at work.
fn largest_while(client: impl FnOnce(SocketAddr) + Send + 'static) -> usize {
    let engine = Engine::open(MemoryStore::new(16)).expect("an engine");
    let server = Server::bind(engine.clone(), Wanted::default().server).expect("a port");
    let address = server.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let client = std::thread::spawn(move || {
        client(address);
        drop(stop);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    largest_since_last_asked();
    let shutdown = async {
        let _ = stopped.await;
    };
    runtime.block_on(server.run(shutdown)).expect("it serves");
    let largest = largest_since_last_asked();
    client.join().expect("the client saw what it should");
    engine.shutdown();
    largest
}

#[test]
fn of_a_body_that_its_command_does_not_take_nothing_is_kept() {
    let largest = largest_while(|address| {
        // All at once, as many clients as there are ways to do it.
        let mut clients: Vec<_> = large_bodies().iter().map(|_| Client::connect(address)).collect();
        for (client, (header, status)) in clients.iter_mut().zip(large_bodies()) {
            client.send(&header.to_bytes());
            let frame = client.next();
            assert_eq!((frame.opcode(), frame.opaque()), (header.opcode, header.opaque));
            assert_eq!(frame.status(), status, "{header:?}, before its body has come");
        }
        let piece = vec![0x80; 1 << 20];
        for _ in 0..LARGE as usize / piece.len() {
            for client in &mut clients {
                client.send(&piece);
            }
        }
        for client in &mut clients {
            assert!(!client.has(0, b"key"), "the connection goes on behind the body");
        }
    });
    // The buffer of a connection is one piece.
    assert!(largest <= 256 * 1024, "{largest} bytes in one piece");
}

#[test]
fn the_largest_document_is_taken() {
    let server = Running::start();
    let mut client = server.client();
    let value = vec![b'v'; VALUE_BYTES_MAX];
    client.store(set(0, &[b'k'; KEY_BYTES_MAX], &value));
    assert!(client.value(0, &[b'k'; KEY_BYTES_MAX]) == value);
}

#[test]
fn a_stranger_is_told_to_log_in_whatever_the_shape_of_its_request() {
    let mut wanted = Wanted::default();
    wanted.server.users = vec![User::new("user", Secret::new("password"))];
    let server = wanted.start();
    let mut client = server.client();
    client.send(&Header { extras_len: 4, ..header(7) }.to_bytes());
    client.send(&[0; 7]);
    assert_eq!(refused(&mut client), Status::EACCESS);
    client.send(&Header { opcode: Opcode(0xee), ..header(11) }.to_bytes());
    client.send(&[0; 11]);
    assert_eq!(client.next().status(), Status::UNKNOWN_COMMAND);
    assert_eq!(client.status(|opaque, out| Noop.encode(opaque, out)), Status::SUCCESS);
}

#[test]
fn nothing_is_set_aside_for_a_promise() {
    let largest = largest_while(|address| {
        let mut waiting = Vec::new();
        // Bodies that are allowed, too large, and far too large; of each only the header comes.
        for body_len in
            [1 << 20, FRAME_BODY_BYTES_MAX as u32, FRAME_SKIP_BYTES_MAX as u32, u32::MAX]
        {
            let mut client = Client::connect(address);
            client.send(&header(body_len).to_bytes());
            client.send(&[0; 11]);
            waiting.push(client);
        }
        for client in &mut waiting[2..] {
            assert_eq!(refused(client), Status::E2BIG);
        }
        // The others have been looked at by the time that a later connection is answered.
        assert!(!Client::connect(address).has(0, b"key"));
    });
    assert!(largest <= 256 * 1024, "{largest} bytes in one piece");
}

//! Framing extras of commands that change a document.

use super::client::Client;
use super::requests::{delete, set};
use super::running::Running;
use bytes::BytesMut;
use millstream::types::VbId;
use millstream::wire::kv::{GetMeta, GetMetaAnswer, Store, StoreMode};
use millstream::wire::{Frame, Magic, Status};

/// Puts framing extras into a request that has none.
fn framed(framing: &[u8], encode: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    encode(&mut bytes);
    let mut bytes = bytes.to_vec();
    assert_eq!((bytes[0], bytes[2]), (Magic::REQUEST.0, 0), "the key is short");
    bytes[0] = Magic::FLEX_REQUEST.0;
    bytes[2] = framing.len() as u8;
    let body = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    bytes[8..12].copy_from_slice(&(body + framing.len() as u32).to_be_bytes());
    bytes.splice(24..24, framing.iter().copied());
    bytes
}

fn ask(client: &mut Client, framing: &[u8], encode: impl FnOnce(&mut BytesMut)) -> Frame {
    client.send(&framed(framing, encode));
    client.next()
}

fn expiry(client: &mut Client) -> u32 {
    let ask = GetMeta { vb: VbId(0), key: b"key", with_datatype: false, quiet: false };
    let frame = client.ask(|opaque, out| ask.encode(opaque, out));
    GetMetaAnswer::parse(&frame).expect("it is there").expiry
}

const PRESERVE: &[u8] = &[0x50];
const AT: u32 = 4_000_000_000;

#[test]
fn a_replaced_document_keeps_its_expiry_if_asked() {
    let server = Running::start();
    let mut client = server.client();
    let opaque = client.opaque();
    let dated = Store { expiry: AT, ..set(0, b"key", b"1") };
    let first = ask(&mut client, PRESERVE, |out| dated.encode(opaque, out));
    assert_eq!(first.status(), Status::SUCCESS);
    assert_eq!(expiry(&mut client), AT, "there was none to keep");
    for mode in [StoreMode::Set, StoreMode::Replace] {
        let other = Store { mode, expiry: AT + 1, ..set(0, b"key", b"2") };
        let kept = ask(&mut client, PRESERVE, |out| other.encode(opaque, out));
        assert_eq!(kept.status(), Status::SUCCESS);
        assert_eq!(expiry(&mut client), AT, "{mode:?}");
    }
    client.store(set(0, b"key", b"3"));
    assert_eq!(expiry(&mut client), 0, "without asking it goes");
}

#[test]
fn what_cannot_be_had_is_refused() {
    let server = Running::start();
    let mut client = server.client();
    let opaque = client.opaque();
    let set = set(0, b"key", b"value");
    let add = Store { mode: StoreMode::Add, ..set };
    // Majority, without and with a time limit; twice; cut off; of a wrong length; unknown.
    for (framing, status) in [
        (&[0x11, 1][..], Status::NOT_SUPPORTED),
        (&[0x13, 1, 0, 100], Status::NOT_SUPPORTED),
        (&[0x50, 0x50], Status::EINVAL),
        (&[0x13, 1], Status::EINVAL),
        (&[0x51, 0], Status::EINVAL),
        (&[0x22, 0, 1], Status::UNKNOWN_FRAME_INFO),
        (&[0xe0], Status::UNKNOWN_FRAME_INFO),
    ] {
        let frame = ask(&mut client, framing, |out| set.encode(opaque, out));
        assert_eq!(frame.status(), status, "{framing:x?}");
    }
    let frame = ask(&mut client, PRESERVE, |out| add.encode(opaque, out));
    assert_eq!(frame.status(), Status::EINVAL);
    let frame = ask(&mut client, PRESERVE, |out| delete(0, b"key").encode(opaque, out));
    assert_eq!(frame.status(), Status::EINVAL);
    assert!(!client.has(0, b"key"), "nothing was written");
}

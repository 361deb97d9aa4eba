//! GET_RANDOM_KEY: how it is asked for and answered; how evenly documents are drawn is shown at the engine.

use super::client::Client;
use super::requests::{delete, set};
use super::running::{Running, Wanted};
use bytes::BytesMut;
use millstream::engine::Engine;
use millstream::server::{Secret, User};
use millstream::store::{EmbeddedOptions, EmbeddedStore};
use millstream::types::{Cas, CollectionId, Datatype, VbId};
use millstream::wire::kv::{GetAnswer, GetLocked, GetRandomKey, Noop, Store};
use millstream::wire::{Feature, Frame, Opcode, Status};
use std::collections::BTreeSet;

impl Client {
    fn draw(&mut self, collection: Option<u32>) -> Frame {
        let request = GetRandomKey { collection: collection.map(CollectionId) };
        self.ask(|opaque, out| request.encode(opaque, out))
    }

    /// The same with whatever extras.
    fn draw_with(&mut self, extras: &[u8]) -> Frame {
        self.ask(|opaque, out: &mut BytesMut| {
            out.extend_from_slice(&[0x80, 0xb6, 0, 0, extras.len() as u8, 0, 0, 0]);
            out.extend_from_slice(&(extras.len() as u32).to_be_bytes());
            out.extend_from_slice(&opaque.get().to_be_bytes());
            out.extend_from_slice(&[0; 8]);
            out.extend_from_slice(extras);
        })
    }
}

#[test]
fn a_document_is_answered_whole() {
    let server = Running::start();
    let mut client = server.client();
    client.agree(&[Feature::JSON]);
    assert_eq!(client.draw(None).status(), Status::KEY_ENOENT, "there is none");
    let (flags, datatype) = (0x0102_0304, Datatype::JSON);
    let cas = client.store(Store { flags, datatype, ..set(9, b"key", b"{}") });
    let frame = client.draw(None);
    assert_eq!(frame.opcode(), Opcode::GET_RANDOM_KEY);
    let whole = GetAnswer { cas, flags, datatype, key: b"key", value: b"{}" };
    assert_eq!(GetAnswer::parse(&frame), Ok(whole));
    let lock = GetLocked { vb: VbId(9), key: b"key", seconds: 15 };
    assert_eq!(client.status(|o, out| lock.encode(o, out)), Status::SUCCESS);
    let locked = client.draw(None);
    let cas = Cas(u64::MAX);
    assert_eq!(GetAnswer::parse(&locked), Ok(GetAnswer { cas, ..whole }), "as GET shows it");
    let mut plain = server.client();
    let shown = plain.draw(None);
    assert_eq!(GetAnswer::parse(&shown).expect("it").datatype, Datatype::RAW, "not agreed on");
}

#[test]
fn a_deleted_document_is_not_drawn() {
    let server = Running::start();
    let mut client = server.client();
    client.store(set(0, b"key", b"value"));
    assert_eq!(client.draw(None).status(), Status::SUCCESS);
    assert_eq!(client.status(|o, out| delete(0, b"key").encode(o, out)), Status::SUCCESS);
    assert_eq!(client.draw(None).status(), Status::KEY_ENOENT);
}

#[test]
fn a_collection_is_named_if_collections_were_agreed_on() {
    let server = Running::start();
    let manifest = server.engine.create_collection("_default", "fruit", 0).expect("made");
    let fruit = manifest.collection_named("_default", "fruit").expect("there").id;
    let mut plain = server.client();
    plain.store(set(0, b"key", b"of the default collection"));
    let mut client = server.client();
    client.agree(&[Feature::COLLECTIONS]);
    assert_eq!(client.draw(Some(fruit.0)).status(), Status::KEY_ENOENT, "it has none");
    let name = [&[fruit.0 as u8][..], b"apple"].concat();
    client.store(set(3, &name, b"green"));
    for _ in 0..20 {
        let frame = client.draw(Some(fruit.0));
        assert_eq!((frame.key(), frame.value()), (&name[..], &b"green"[..]));
        let frame = client.draw(Some(0));
        assert_eq!(frame.key(), b"\0key", "with the id of the collection");
        assert_eq!(plain.draw(None).key(), b"key", "without");
    }
    let attributes = [&fruit.0.to_be_bytes()[..], &[0xff]].concat();
    assert_eq!(client.draw_with(&attributes).key(), name, "it has no attributes to show");
    assert_eq!(client.draw(Some(99)).status(), Status::UNKNOWN_COLLECTION);
    assert_eq!(client.draw(None).status(), Status::EINVAL, "which?");
    assert_eq!(plain.draw(Some(0)).status(), Status::EINVAL, "not agreed on");
    for extras in [1, 2, 3, 6, 8] {
        let frame = client.draw_with(&vec![0; extras]);
        assert_eq!(frame.status(), Status::EINVAL, "{extras} bytes of extras");
    }
    assert_eq!(client.draw(Some(0)).status(), Status::SUCCESS, "the connection goes on");
}

#[test]
fn strangers_draw_nothing() {
    let mut wanted = Wanted::default();
    wanted.server.users = vec![User::new("somebody", Secret::new("right"))];
    let server = wanted.start();
    assert_eq!(server.client().draw(None).status(), Status::EACCESS);
}

/// From the embedded store, after a restart: nothing is in memory then. Requests that follow are answered behind it.
#[test]
fn what_only_the_store_has_is_drawn_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || {
        let store = EmbeddedStore::open(folder.path(), EmbeddedOptions::new(16)).expect("a store");
        Running::over(Engine::open(store).expect("an engine"), Wanted::default().server)
    };
    let server = open();
    let mut client = server.client();
    for n in 0..40 {
        client.store(set(n % 16, format!("key {n}").as_bytes(), format!("{n}").as_bytes()));
    }
    drop(client);
    drop(server);
    let server = open();
    let mut client = server.client();
    let mut seen = BTreeSet::new();
    let mut out = BytesMut::new();
    let many = 400;
    for _ in 0..many {
        let opaque = client.opaque();
        GetRandomKey { collection: None }.encode(opaque, &mut out);
    }
    Noop.encode(client.opaque(), &mut out);
    client.send(&out);
    for _ in 0..many {
        let frame = client.next();
        let answer = GetAnswer::parse(&frame).expect("a document");
        let (key, value) =
            (String::from_utf8_lossy(answer.key), String::from_utf8_lossy(answer.value));
        assert_eq!(key, format!("key {value}"));
        seen.insert(key.into_owned());
    }
    assert_eq!(client.next().opcode(), Opcode::NOOP);
    assert!(seen.len() > 35, "{} of 40", seen.len());
}

//! Requests that many tests make.

use super::client::Client;
use millstream::types::{Cas, Datatype, VbId};
use millstream::wire::kv::{
    Delete, Get, GetAnswer, Hello, HelloAnswer, Store, StoreMode, WriteAnswer,
};
use millstream::wire::{Feature, FeatureSet, Frame, Status};

/// Writes a document, whatever is there.
pub(super) fn set<'a>(vb: u16, key: &'a [u8], value: &'a [u8]) -> Store<'a> {
    Store {
        mode: StoreMode::Set,
        quiet: false,
        vb: VbId(vb),
        cas: Cas::ZERO,
        flags: 0,
        expiry: 0,
        datatype: Datatype::RAW,
        key,
        value,
    }
}

/// Reads a document.
pub(super) fn get(vb: u16, key: &[u8]) -> Get<'_> {
    Get { vb: VbId(vb), key, with_key: false, quiet: false }
}

/// Deletes a document.
pub(super) fn delete(vb: u16, key: &[u8]) -> Delete<'_> {
    Delete { vb: VbId(vb), cas: Cas::ZERO, key, quiet: false }
}

impl Client {
    /// Agrees on features, all of which have to be granted.
    pub(super) fn agree(&mut self, features: &[Feature]) {
        let features = FeatureSet::of(features);
        let hello = Hello { agent: b"test", features };
        let frame = self.ask(|opaque, out| hello.encode(opaque, out));
        assert_eq!(HelloAnswer::parse(&frame).expect("an answer").features, features);
    }

    /// Makes a write that has to succeed; the new CAS.
    pub(super) fn store(&mut self, store: Store<'_>) -> Cas {
        let frame = self.ask(|opaque, out| store.encode(opaque, out));
        let answer = WriteAnswer::parse(&frame).unwrap_or_else(|error| panic!("{error}"));
        assert_ne!(answer.cas, Cas::ZERO);
        answer.cas
    }

    /// Makes a write that has to be refused.
    pub(super) fn refused_store(&mut self, store: Store<'_>) -> Status {
        let status = self.status(|opaque, out| store.encode(opaque, out));
        assert_ne!(status, Status::SUCCESS);
        status
    }

    /// Reads a document that has to be there.
    pub(super) fn read(&mut self, vb: u16, key: &[u8]) -> Frame {
        let frame = self.ask(|opaque, out| get(vb, key).encode(opaque, out));
        GetAnswer::parse(&frame).unwrap_or_else(|error| panic!("{error}"));
        frame
    }

    /// The value of a document that has to be there.
    pub(super) fn value(&mut self, vb: u16, key: &[u8]) -> Vec<u8> {
        self.read(vb, key).value().to_vec()
    }

    /// Whether there is a document.
    pub(super) fn has(&mut self, vb: u16, key: &[u8]) -> bool {
        match self.status(|opaque, out| get(vb, key).encode(opaque, out)) {
            Status::SUCCESS => true,
            Status::KEY_ENOENT => false,
            other => panic!("{other}"),
        }
    }
}

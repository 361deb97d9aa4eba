//! Servers that speak through a pipe.

use crate::types::{Cas, Datatype};
use crate::wire::kv::{
    Arithmetic, ArithmeticAnswer, Concat, ConcatMode, Delete, Get, GetAndTouch, GetAnswer,
    HelloAnswer, Store, StoreMode, Touch, WriteAnswer,
};
use crate::wire::{Feature, Frame, FrameLimits, FrameReader, Opcode, Response, Status, kv};
use bytes::BytesMut;
use std::collections::HashMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// What answers.
pub(super) trait Server: Send + 'static {
    /// Answers one message; `false` closes the connection once that is written.
    fn answer(&mut self, frame: &Frame, out: &mut BytesMut) -> bool;
}

impl<F: FnMut(&Frame, &mut BytesMut) -> bool + Send + 'static> Server for F {
    fn answer(&mut self, frame: &Frame, out: &mut BytesMut) -> bool {
        self(frame, out)
    }
}

/// Runs a server until its client goes away.
pub(super) fn serve(mut stream: DuplexStream, mut server: impl Server) {
    tokio::spawn(async move {
        let mut reader = FrameReader::new(FrameLimits::AFTER_AUTH);
        let mut out = BytesMut::new();
        loop {
            let mut go_on = true;
            while let Some(frame) = reader.next_frame().expect("the client sends what makes sense")
            {
                go_on = go_on && server.answer(&frame, &mut out);
            }
            if stream.write_all_buf(&mut out).await.is_err() || !go_on {
                return;
            }
            if stream.read_buf(reader.room()).await.unwrap_or(0) == 0 {
                return;
            }
        }
    });
}

/// Answers a frame with a status and a value.
pub(super) fn reply(frame: &Frame, status: Status, value: &[u8], out: &mut BytesMut) {
    Response { value, ..Response::to(frame.header(), status) }.encode(out);
}

/// Answers everything that sets up a connection; grants every feature. Whether it was such a message.
pub(super) fn bootstrap(frame: &Frame, out: &mut BytesMut) -> bool {
    match frame.opcode() {
        Opcode::HELLO => {
            let features = kv::Hello::parse(frame).unwrap().features.with(Feature::DUPLEX);
            HelloAnswer { features }.encode(frame.header(), out);
        }
        Opcode::GET_ERROR_MAP => reply(frame, Status::UNKNOWN_COMMAND, b"", out),
        Opcode::SASL_AUTH | Opcode::SELECT_BUCKET => reply(frame, Status::SUCCESS, b"", out),
        Opcode::GET_CLUSTER_CONFIG => reply(frame, Status::SUCCESS, CONFIG, out),
        _ => return false,
    }
    true
}

pub(super) const CONFIG: &[u8] =
    br#"{"rev":1,"vBucketServerMap":{"vBucketMap":[[0],[0],[0],[0]]}}"#;

/// Keeps documents in memory; refuses to write keys that begin with "bad".
#[derive(Default)]
pub(super) struct Documents {
    pub(super) all: HashMap<Vec<u8>, (u64, u32, Vec<u8>)>,
    cas: u64,
}

impl Server for Documents {
    fn answer(&mut self, frame: &Frame, out: &mut BytesMut) -> bool {
        if bootstrap(frame, out) {
            return true;
        }
        let header = frame.header();
        let result = match frame.opcode().loud() {
            Opcode::GET => Get::parse(frame).unwrap().read(self),
            Opcode::GAT => GetAndTouch::parse(frame).unwrap().read(self),
            Opcode::NOOP => Ok(Done::Nothing),
            Opcode::SET | Opcode::ADD | Opcode::REPLACE => {
                self.store(&Store::parse(frame).unwrap())
            }
            Opcode::APPEND | Opcode::PREPEND => self.concat(&Concat::parse(frame).unwrap()),
            Opcode::DELETE => {
                let removed = self.all.remove(Delete::parse(frame).unwrap().key);
                removed.ok_or(Status::KEY_ENOENT).map(|_| Done::Write(7))
            }
            Opcode::TOUCH => {
                let found = self.all.get(Touch::parse(frame).unwrap().key);
                found.ok_or(Status::KEY_ENOENT).map(|document| Done::Write(document.0))
            }
            Opcode::INCREMENT | Opcode::DECREMENT => self.count(&Arithmetic::parse(frame).unwrap()),
            other => panic!("{other} is not expected"),
        };
        match result {
            Err(status) => reply(frame, status, b"", out),
            Ok(_) if frame.opcode().is_quiet() => {}
            Ok(Done::Nothing) => reply(frame, Status::SUCCESS, b"", out),
            Ok(Done::Write(cas)) => WriteAnswer { cas: Cas(cas), token: None }.encode(header, out),
            Ok(Done::Count(cas, count)) => {
                ArithmeticAnswer { cas: Cas(cas), token: None, count }.encode(header, out);
            }
            Ok(Done::Read((cas, flags, value))) => {
                let (cas, datatype) = (Cas(cas), Datatype::RAW);
                GetAnswer { cas, flags, datatype, key: b"", value: &value }.encode(header, out);
            }
        }
        true
    }
}

enum Done {
    Nothing,
    Write(u64),
    Count(u64, u64),
    Read((u64, u32, Vec<u8>)),
}

trait Read {
    fn read(&self, documents: &Documents) -> Result<Done, Status>;
}

impl Read for Get<'_> {
    fn read(&self, documents: &Documents) -> Result<Done, Status> {
        documents.all.get(self.key).cloned().map(Done::Read).ok_or(Status::KEY_ENOENT)
    }
}

impl Read for GetAndTouch<'_> {
    fn read(&self, documents: &Documents) -> Result<Done, Status> {
        documents.all.get(self.key).cloned().map(Done::Read).ok_or(Status::KEY_ENOENT)
    }
}

impl Documents {
    fn store(&mut self, store: &Store<'_>) -> Result<Done, Status> {
        let found = self.all.get(store.key);
        match store.mode {
            _ if store.key.starts_with(b"bad") => return Err(Status::EACCESS),
            StoreMode::Add if found.is_some() => return Err(Status::KEY_EEXISTS),
            StoreMode::Replace if found.is_none() => return Err(Status::KEY_ENOENT),
            _ if store.cas != Cas::ZERO && found.map(|f| f.0) != Some(store.cas.get()) => {
                return Err(Status::KEY_EEXISTS);
            }
            _ => {}
        }
        self.put(store.key, store.flags, store.value.to_vec())
    }

    fn concat(&mut self, concat: &Concat<'_>) -> Result<Done, Status> {
        let (_, flags, old) = self.all.get(concat.key).ok_or(Status::NOT_STORED)?.clone();
        let value = match concat.mode {
            ConcatMode::Append => [&old, concat.value].concat(),
            ConcatMode::Prepend => [concat.value, &old].concat(),
        };
        self.put(concat.key, flags, value)
    }

    fn count(&mut self, count: &Arithmetic<'_>) -> Result<Done, Status> {
        let new = match self.all.get(count.key) {
            None if count.expiry == Arithmetic::MUST_EXIST => return Err(Status::KEY_ENOENT),
            None => count.initial,
            Some((_, _, text)) => {
                let old: u64 =
                    String::from_utf8_lossy(text).parse().map_err(|_| Status::DELTA_BADVAL)?;
                match count.mode {
                    kv::ArithmeticMode::Increment => old.wrapping_add(count.delta),
                    kv::ArithmeticMode::Decrement => old.saturating_sub(count.delta),
                }
            }
        };
        self.put(count.key, 0, new.to_string().into_bytes())?;
        Ok(Done::Count(self.cas, new))
    }

    fn put(&mut self, key: &[u8], flags: u32, value: Vec<u8>) -> Result<Done, Status> {
        self.cas += 1;
        self.all.insert(key.to_vec(), (self.cas, flags, value));
        Ok(Done::Write(self.cas))
    }
}

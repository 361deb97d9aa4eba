//! Single documents.

use super::client::KvClient;
use crate::error::Result;
use crate::types::{Cas, Datatype};
use crate::wire::kv::{
    Arithmetic, ArithmeticAnswer, ArithmeticMode, Concat, ConcatMode, Delete, Get, GetAndTouch,
    GetAnswer, MutationToken, Store, StoreMode, Touch, WriteAnswer,
};
use crate::wire::{Frame, Status};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

/// A document that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// Its CAS.
    pub cas: Cas,
    /// The writer's own 32 bits.
    pub flags: u32,
    /// What the value is made of.
    pub datatype: Datatype,
    /// The value.
    pub value: Bytes,
}

/// Where and how a write took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The document's new CAS.
    pub cas: Cas,
    /// The place in history, if the server tells.
    pub token: Option<MutationToken>,
}

/// A counter that was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The new count.
    pub count: u64,
    /// The document's new CAS.
    pub cas: Cas,
    /// The place in history, if the server tells.
    pub token: Option<MutationToken>,
}

/// What a write says besides key and value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// The writer's own 32 bits.
    pub flags: u32,
    /// When it expires: 0 never, up to 30 days relative, above that seconds since 1970.
    pub expiry: u32,
    /// What the value is made of.
    pub datatype: Datatype,
    /// The CAS that the document must have now, or 0 for any.
    pub cas: Cas,
}

/// # Errors
/// In all of these: the server refused ([`status_of`](crate::client::status_of) tells why), took too long, or
/// went away; `Misuse` when a key is empty or longer than 250 bytes.
impl<S: AsyncRead + AsyncWrite + Unpin> KvClient<S> {
    /// Reads a document; `None` when there is none.
    pub async fn get(&mut self, key: &[u8]) -> Result<Option<Got>> {
        let (vb, key) = self.place(key)?;
        let get = Get { vb, key: &key, with_key: false, quiet: false };
        let frame = self.connection.ask(|opaque, out| get.encode(opaque, out)).await?;
        self.got(&frame)
    }

    /// Reads a document and gives it another expiry; `None` when there is none.
    pub async fn get_and_touch(&mut self, key: &[u8], expiry: u32) -> Result<Option<Got>> {
        let (vb, key) = self.place(key)?;
        let get = GetAndTouch { vb, expiry, key: &key, quiet: false };
        let frame = self.connection.ask(|opaque, out| get.encode(opaque, out)).await?;
        self.got(&frame)
    }

    /// Writes a document.
    pub async fn set(
        &mut self,
        key: &[u8],
        value: &[u8],
        options: WriteOptions,
    ) -> Result<Written> {
        self.store(StoreMode::Set, key, value, options).await
    }

    /// Writes a document that must not exist; the status is then `KEY_EEXISTS`.
    pub async fn add(
        &mut self,
        key: &[u8],
        value: &[u8],
        options: WriteOptions,
    ) -> Result<Written> {
        self.store(StoreMode::Add, key, value, options).await
    }

    /// Writes a document that must exist; the status is otherwise `KEY_ENOENT`.
    pub async fn replace(
        &mut self,
        key: &[u8],
        value: &[u8],
        options: WriteOptions,
    ) -> Result<Written> {
        self.store(StoreMode::Replace, key, value, options).await
    }

    /// Deletes a document with this CAS (0: any); `None` when there is none.
    pub async fn delete(&mut self, key: &[u8], cas: Cas) -> Result<Option<Written>> {
        let (vb, key) = self.place(key)?;
        let delete = Delete { vb, cas, key: &key, quiet: false };
        let frame = self.connection.ask(|opaque, out| delete.encode(opaque, out)).await?;
        if self.unless(&frame, Status::KEY_ENOENT)? {
            self.written(&frame).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Adds to a counter, which is made with `initial` if it does not exist; without `initial`, it must.
    pub async fn increment(
        &mut self,
        key: &[u8],
        delta: u64,
        initial: Option<u64>,
    ) -> Result<Counted> {
        self.count(ArithmeticMode::Increment, key, delta, initial).await
    }

    /// Subtracts from a counter, down to 0; otherwise as [`KvClient::increment`].
    pub async fn decrement(
        &mut self,
        key: &[u8],
        delta: u64,
        initial: Option<u64>,
    ) -> Result<Counted> {
        self.count(ArithmeticMode::Decrement, key, delta, initial).await
    }

    /// Adds bytes behind the value of a document that exists.
    pub async fn append(&mut self, key: &[u8], value: &[u8], cas: Cas) -> Result<Written> {
        self.concat(ConcatMode::Append, key, value, cas).await
    }

    /// Adds bytes in front of the value of a document that exists.
    pub async fn prepend(&mut self, key: &[u8], value: &[u8], cas: Cas) -> Result<Written> {
        self.concat(ConcatMode::Prepend, key, value, cas).await
    }

    /// Gives a document another expiry; `None` when there is none.
    pub async fn touch(&mut self, key: &[u8], expiry: u32) -> Result<Option<Written>> {
        let (vb, key) = self.place(key)?;
        let touch = Touch { vb, expiry, key: &key };
        let frame = self.connection.ask(|opaque, out| touch.encode(opaque, out)).await?;
        if self.unless(&frame, Status::KEY_ENOENT)? {
            self.written(&frame).map(Some)
        } else {
            Ok(None)
        }
    }

    async fn store(
        &mut self,
        mode: StoreMode,
        key: &[u8],
        value: &[u8],
        options: WriteOptions,
    ) -> Result<Written> {
        let (vb, key) = self.place(key)?;
        let WriteOptions { flags, expiry, datatype, cas } = options;
        let store =
            Store { mode, quiet: false, vb, cas, flags, expiry, datatype, key: &key, value };
        let frame = self.connection.ask(|opaque, out| store.encode(opaque, out)).await?;
        self.written(&frame)
    }

    async fn count(
        &mut self,
        mode: ArithmeticMode,
        key: &[u8],
        delta: u64,
        initial: Option<u64>,
    ) -> Result<Counted> {
        let (vb, key) = self.place(key)?;
        let (initial, expiry) = initial.map_or((0, Arithmetic::MUST_EXIST), |initial| (initial, 0));
        let count = Arithmetic { mode, quiet: false, vb, delta, initial, expiry, key: &key };
        let frame = self.connection.ask(|opaque, out| count.encode(opaque, out)).await?;
        let answer = self.connection.read(ArithmeticAnswer::parse(&frame))?;
        Ok(Counted { count: answer.count, cas: answer.cas, token: answer.token })
    }

    async fn concat(
        &mut self,
        mode: ConcatMode,
        key: &[u8],
        value: &[u8],
        cas: Cas,
    ) -> Result<Written> {
        let (vb, key) = self.place(key)?;
        let datatype = Datatype::RAW;
        let concat = Concat { mode, quiet: false, vb, cas, datatype, key: &key, value };
        let frame = self.connection.ask(|opaque, out| concat.encode(opaque, out)).await?;
        self.written(&frame)
    }

    fn got(&self, frame: &Frame) -> Result<Option<Got>> {
        if !self.unless(frame, Status::KEY_ENOENT)? {
            return Ok(None);
        }
        let GetAnswer { cas, flags, datatype, .. } =
            self.connection.read(GetAnswer::parse(frame))?;
        Ok(Some(Got { cas, flags, datatype, value: frame.value_bytes() }))
    }

    fn written(&self, frame: &Frame) -> Result<Written> {
        let WriteAnswer { cas, token } = self.connection.read(WriteAnswer::parse(frame))?;
        Ok(Written { cas, token })
    }
}

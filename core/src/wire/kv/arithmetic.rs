//! `05`, `06`, `15`, `16` change a counter.
//!
//! ```text
//!  request: extras 20: 0 delta u64 | 8 initial u64 | 16 expiry u32; key
//!  answer:  extras as WriteAnswer; value 8: the new count, u64
//! ```

use super::MutationToken;
use crate::types::{Cas, Datatype, Opaque, VbId};
use crate::wire::layout::{Lead, put};
use crate::wire::response::answer_head;
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Header, Opcode, Response, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithmeticMode {
    /// Up; wraps around.
    Increment,
    /// Down; stops at 0.
    Decrement,
}

/// Change a counter: a document whose value is a decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arithmetic<'a> {
    /// Which way.
    pub mode: ArithmeticMode,
    /// Whether only a failure is answered.
    pub quiet: bool,
    /// The vbucket.
    pub vb: VbId,
    /// By how much.
    pub delta: u64,
    /// What a counter starts with that does not exist.
    pub initial: u64,
    /// When it then expires; [`Arithmetic::MUST_EXIST`]: it is not made, but missed.
    pub expiry: u32,
    /// The key.
    pub key: &'a [u8],
}

impl<'a> Arithmetic<'a> {
    /// The expiry that says that the counter must exist.
    pub const MUST_EXIST: u32 = u32::MAX;
    const OPCODES: &'static [Opcode] =
        &[Opcode::INCREMENT, Opcode::DECREMENT, Opcode::INCREMENTQ, Opcode::DECREMENTQ];
    pub(super) const SHAPE: Shape =
        Shape::of(Self::OPCODES).extras(&[EXTRAS]).doc_key().preserve_expiry();

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let opcode = match (self.mode, self.quiet) {
            (ArithmeticMode::Increment, false) => Opcode::INCREMENT,
            (ArithmeticMode::Decrement, false) => Opcode::DECREMENT,
            (ArithmeticMode::Increment, true) => Opcode::INCREMENTQ,
            (ArithmeticMode::Decrement, true) => Opcode::DECREMENTQ,
        };
        let lead = Lead::request(opcode, self.vb, opaque);
        let mut head: [u8; HEADER_BYTES + EXTRAS] = lead.head(self.key.len(), 0);
        let mut extras = &mut head[HEADER_BYTES..];
        extras.put_u64(self.delta);
        extras.put_u64(self.initial);
        extras.put_u32(self.expiry);
        put(out, &head, self.key, &[]);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, or it comes with a CAS.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let opcode = frame.opcode();
        if frame.cas() != Cas::ZERO {
            return Err(WireError::CasGiven { opcode, cas: frame.cas() });
        }
        let up = opcode.loud() == Opcode::INCREMENT;
        let mut extras = frame.extras();
        Ok(Self {
            mode: if up { ArithmeticMode::Increment } else { ArithmeticMode::Decrement },
            quiet: opcode.is_quiet(),
            vb: frame.vbucket(),
            delta: extras.get_u64(),
            initial: extras.get_u64(),
            expiry: extras.get_u32(),
            key: frame.key(),
        })
    }
}

/// A counter was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArithmeticAnswer {
    /// Its new CAS.
    pub cas: Cas,
    /// Where the write is, for connections that asked to know.
    pub token: Option<MutationToken>,
    /// The new count.
    pub count: u64,
}

impl ArithmeticAnswer {
    /// Appends it.
    pub fn encode(&self, to: &Header, out: &mut BytesMut) {
        let value = self.count.to_be_bytes();
        match self.token {
            None => {
                let head: [u8; HEADER_BYTES] = answer_head(to, self.cas, Datatype::RAW, 0, VALUE);
                put(out, &head, &[], &value);
            }
            Some(token) => {
                let mut head: [u8; HEADER_BYTES + MutationToken::BYTES] =
                    answer_head(to, self.cas, Datatype::RAW, 0, VALUE);
                token.put(&mut head[HEADER_BYTES..]);
                put(out, &head, &[], &value);
            }
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, the server refused, or a part does not have its length.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        let answer = Response::accept(frame, Arithmetic::OPCODES)?;
        let Ok(count) = <[u8; VALUE]>::try_from(answer.value).map(u64::from_be_bytes) else {
            let what = "the count is not 8 bytes long";
            return Err(WireError::Content { opcode: answer.opcode, what });
        };
        Ok(Self { cas: answer.cas, token: MutationToken::read(&answer)?, count })
    }
}

const EXTRAS: usize = 8 + 8 + 4;
const VALUE: usize = 8;

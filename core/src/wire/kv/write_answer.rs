//! The answer to every command that changes a document, but those that count.
//!
//! ```text
//!  extras 0, or 16 for connections with MUTATION_SEQNO: 0 vbucket uuid u64 | 8 seqno u64; CAS in the header
//! ```

use crate::types::{Cas, Datatype, Seqno, VbUuid};
use crate::wire::layout::put;
use crate::wire::response::answer_head;
use crate::wire::{Frame, HEADER_BYTES, Header, Opcode, Response, WireError};
use bytes::{Buf, BufMut, BytesMut};

/// Where a write is in its vbucket's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MutationToken {
    /// The branch of history.
    pub uuid: VbUuid,
    /// The place on it.
    pub seqno: Seqno,
}

impl MutationToken {
    pub(super) const BYTES: usize = 8 + 8;

    pub(super) fn put(self, mut room: &mut [u8]) {
        room.put_u64(self.uuid.get());
        room.put_u64(self.seqno.get());
    }

    pub(super) fn read(answer: &Response<'_>) -> Result<Option<Self>, WireError> {
        if answer.extras.is_empty() {
            return Ok(None);
        }
        let mut extras = &answer.exact_extras::<{ Self::BYTES }>(&[0, Self::BYTES])?[..];
        Ok(Some(Self { uuid: VbUuid(extras.get_u64()), seqno: Seqno(extras.get_u64()) }))
    }
}

/// A document was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteAnswer {
    /// Its new CAS.
    pub cas: Cas,
    /// Where the write is, for connections that asked to know.
    pub token: Option<MutationToken>,
}

impl WriteAnswer {
    const OPCODES: &'static [Opcode] = &[
        Opcode::SET,
        Opcode::ADD,
        Opcode::REPLACE,
        Opcode::DELETE,
        Opcode::APPEND,
        Opcode::PREPEND,
        Opcode::TOUCH,
        Opcode::SET_WITH_META,
        Opcode::ADD_WITH_META,
        Opcode::DEL_WITH_META,
    ];

    /// Appends it.
    pub fn encode(&self, to: &Header, out: &mut BytesMut) {
        match self.token {
            None => {
                let head: [u8; HEADER_BYTES] = answer_head(to, self.cas, Datatype::RAW, 0, 0);
                put(out, &head, &[], &[]);
            }
            Some(token) => {
                let mut head: [u8; HEADER_BYTES + MutationToken::BYTES] =
                    answer_head(to, self.cas, Datatype::RAW, 0, 0);
                token.put(&mut head[HEADER_BYTES..]);
                put(out, &head, &[], &[]);
            }
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is another message, the server refused, or the extras have another length.
    pub fn parse(frame: &Frame) -> Result<Self, WireError> {
        let answer = Response::accept(frame, Self::OPCODES)?;
        Ok(Self { cas: answer.cas, token: MutationToken::read(&answer)? })
    }
}

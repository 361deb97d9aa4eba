//! What clients send to a server: one row an opcode, by which a request is judged on its header.
//!
//! A row is the [`Shape`] of the message's own file. A request whose header breaks it is refused before anything is
//! set aside for its body; what a header cannot tell is left to the message's parser.

use super::shape::Shape;
use super::{Header, Magic, WireError, dcp, kv};
use crate::limits::ANSWER_BODY_BYTES_MAX;

/// Judges the header of what a client sends, which [`Header::check`] has found to be well-formed.
pub(super) fn check(header: &Header) -> Result<(), WireError> {
    match header.magic {
        Magic::REQUEST | Magic::FLEX_REQUEST => match ROWS[usize::from(header.opcode.0)] {
            Some(row) => row.check_header(header),
            None => Err(WireError::Opcode { found: header.opcode }),
        },
        // Answers to the server's own messages.
        Magic::RESPONSE | Magic::FLEX_RESPONSE => {
            let (body, limit) = (header.body_len, ANSWER_BODY_BYTES_MAX as u32);
            if body > limit { Err(WireError::BodyLong { body, limit }) } else { Ok(()) }
        }
        // What servers ask of clients, and its answers: no client sends the one, and the other was never asked.
        magic => Err(WireError::Magic(magic)),
    }
}

type Rows = [Option<&'static Shape>; 256];

static ROWS: Rows = rows(&[kv::COMMANDS, dcp::COMMANDS]);

/// # Panics
/// When two messages claim one opcode; the compiler finds out.
const fn rows(rooms: &[&[&'static Shape]]) -> Rows {
    let mut rows: Rows = [None; 256];
    let mut room = 0;
    while room < rooms.len() {
        let mut at = 0;
        while at < rooms[room].len() {
            let shape = rooms[room][at];
            let mut n = 0;
            while n < shape.opcodes().len() {
                let row = &mut rows[shape.opcodes()[n].0 as usize];
                assert!(row.is_none(), "an opcode has one message");
                *row = Some(shape);
                n += 1;
            }
            at += 1;
        }
        room += 1;
    }
    rows
}

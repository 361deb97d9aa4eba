//! GET and GETK.

use super::expiry::is_over;
use super::locks::shown_cas;
use super::write::expire;
use crate::collections::Key;
use crate::engine::NotInMemory;
use crate::partition::Found;
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::VbId;
use crate::wire::kv::{Get, GetAnswer};
use crate::wire::{Response, Status};

/// `00`, `09`, `0c`, `0d` read a document.
pub(in crate::server) fn get(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = Get::parse(frame)?;
    call.active(request.vb)?;
    let key = call.key(request.vb, request.key)?;
    let key_shown = if request.with_key { request.key } else { &[] };
    match read(call, request.vb, key, key_shown)? {
        Read::Answered => {}
        Read::Damaged => return Err(Refused::damaged().into()),
        Read::Missed { expired } => {
            if expired {
                expire(call, request.vb, key);
            }
            if !request.quiet {
                let answer = Response::to(frame.header(), Status::KEY_ENOENT).key(key_shown);
                answer.encode(call.out());
            }
        }
    }
    Ok(())
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Answered,
    Damaged,
    Missed { expired: bool },
}

/// Answers with a document if there is one, straight from where it is kept.
fn read(call: &mut Call<'_, '_>, vb: VbId, key: Key<'_>, key_shown: &[u8]) -> Result<Read, Stop> {
    let (session, peer, header) = (&mut *call.session, &*call.peer, call.frame.header());
    let now = call.unix_now;
    let out = call.output.buffer();
    let mut show = |found: Option<Found<'_>>| {
        let Some(Found { meta, value, lock }) = found.filter(|found| found.meta.kind.is_alive())
        else {
            return Read::Missed { expired: false };
        };
        if is_over(meta.expiry, now) {
            return Read::Missed { expired: true };
        }
        let Ok((datatype, value)) = peer.shown(meta.datatype, value.unwrap_or_default()) else {
            return Read::Damaged;
        };
        let (cas, flags, key) = (shown_cas(meta.cas, lock), meta.flags, key_shown);
        GetAnswer { cas, flags, datatype, key, value: &value }.encode(header, out);
        Read::Answered
    };
    match (session.look(vb, key, &mut show), call.stored) {
        (Ok(read), _) => Ok(read),
        (Err(NotInMemory { .. }), None) => Err(Stop::NeedsStored),
        (Err(NotInMemory { lock }), Some(stored)) => {
            // What the store had after the request came, whatever was written since.
            let record = stored.as_ref().map(|fetched| fetched.record());
            Ok(show(record.map(|r| Found { lock, ..Found::stored(&r.meta, &r.value) })))
        }
    }
}

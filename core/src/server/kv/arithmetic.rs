//! INCREMENT and DECREMENT.

use super::expiry::{deadline, living};
use super::locks::LockStatus;
use super::value::plain;
use super::write::{token, update};
use crate::partition::{Change, Decision};
use crate::server::call::{Call, Stop};
use crate::types::{Datatype, DocKind};
use crate::wire::Status;
use crate::wire::kv::{Arithmetic, ArithmeticAnswer, ArithmeticMode};
use std::borrow::Cow;

/// `05`, `06`, `15`, `16` change a counter.
pub(in crate::server) fn arithmetic(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let frame = call.frame;
    let request = Arithmetic::parse(frame)?;
    // A counter that exists keeps its expiry in any case.
    call.frame.preserves_expiry()?;
    let (now, locked) = (call.unix_now, LockStatus::for_write(call));
    let mut count = request.initial;
    let written = update(call, request.vb, request.key, |found| {
        let Some(found) = living(found, now) else {
            if request.expiry == Arithmetic::MUST_EXIST {
                return Decision::Refuse(Status::KEY_ENOENT);
            }
            count = request.initial;
            return Decision::Write(Change {
                expiry: deadline(request.expiry, now),
                ..Change::set(digits(count))
            });
        };
        if found.lock.is_some() {
            return Decision::Refuse(locked.0);
        }
        let Some(value) = found.value else { return Decision::NeedValue };
        let Ok(value) = plain(found.meta.datatype, value) else {
            return Decision::Refuse(Status::EINTERNAL);
        };
        let Some(before) = parse(&value) else { return Decision::Refuse(Status::DELTA_BADVAL) };
        count = changed(request.mode, before, request.delta);
        Decision::Write(Change {
            kind: DocKind::Alive,
            value: digits(count),
            flags: found.meta.flags,
            expiry: found.meta.expiry,
            datatype: Datatype::RAW,
            origin: None,
        })
    })??;
    if !request.quiet {
        let token = token(call, request.vb, &written);
        let answer = ArithmeticAnswer { cas: written.cas, token, count };
        answer.encode(call.frame.header(), call.out());
    }
    Ok(())
}

/// The count that a value stands for: digits, and spaces behind them, which some clients fill up with.
pub(super) fn parse(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii_end();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// Up, around at the end; down, to nothing.
pub(super) fn changed(mode: ArithmeticMode, count: u64, delta: u64) -> u64 {
    match mode {
        ArithmeticMode::Increment => count.wrapping_add(delta),
        ArithmeticMode::Decrement => count.saturating_sub(delta),
    }
}

fn digits(count: u64) -> Cow<'static, [u8]> {
    Cow::Owned(count.to_string().into_bytes())
}

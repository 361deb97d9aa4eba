//! COMPACT_DB: tombstones are forgotten before their time, for every client that is logged in.

use super::vbucket::VbChange;
use crate::engine::{Engine, PurgeBounds};
use crate::error::{Error, ErrorKind, Result as EngineResult};
use crate::limits::COMPACT_TIMEOUT;
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{Seqno, VbId};
use crate::wire::Status;
use crate::wire::kv::CompactDb;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// `b3` COMPACT_DB, of a vbucket in whatever state.
pub(in crate::server) fn compact(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = CompactDb::parse(call.frame)?;
    call.session.branch(request.vb).ok_or_else(Refused::not_my_vbucket)?;
    check_value(request.value)?;
    Err(Stop::NeedsChange(VbChange::Purge(request.vb, bounds(&request))))
}

/// Makes it, of what is in memory too; on a thread that may block, of a runtime.
///
/// What a backfill still has to show stays. Its end is not waited for: it lasts as long as its client takes, and the
/// connection's later requests would wait too. Whoever asks again finds the rest.
pub(super) fn purge(engine: &Engine, vb: VbId, bounds: PurgeBounds) -> EngineResult<()> {
    let high = engine.vbucket(vb).map_or(Seqno::ZERO, |vbucket| vbucket.high);
    // A store that refuses to commit would keep the thread, of which there are so many.
    let persisted = async { timeout(COMPACT_TIMEOUT, engine.persisted(vb, high)).await };
    if !matches!(Handle::current().block_on(persisted), Ok(true)) {
        let what = "what was deleted has not been persisted: the store is slow or refuses, it was taken back, or the \
                    engine stopped";
        return Err(Error::new(ErrorKind::Retry, what));
    }
    let done = engine.purge_tombstones(vb, bounds)?;
    tracing::info!(%vb, purged = done.purged, spared = done.spared, "tombstones were purged");
    if done.spared == 0 {
        return Ok(());
    }
    let what = format!("{} tombstones stay until a backfill has shown them", done.spared);
    Err(Error::new(ErrorKind::Retry, what))
}

fn bounds(request: &CompactDb<'_>) -> PurgeBounds {
    if request.drop_deletes {
        return PurgeBounds::ALL;
    }
    let upto = if request.upto == Seqno::ZERO { Seqno::MAX } else { request.upto };
    PurgeBounds { before: request.before, upto }
}

/// Names keys by which files are encrypted: none is.
fn check_value(value: &[u8]) -> Result<(), Refused> {
    if value.is_empty() {
        return Ok(());
    }
    let invalid = || Refused::new(Status::EINVAL, "the value is no JSON array of names");
    let Ok(Value::Array(keys)) = serde_json::from_slice(value) else { return Err(invalid()) };
    if !keys.iter().all(Value::is_string) {
        return Err(invalid());
    }
    if keys.is_empty() {
        return Ok(());
    }
    let why = "no file is encrypted, so that there are no keys to give up";
    Err(Refused::new(Status::NOT_SUPPORTED, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(before: u64, upto: u64, drop_deletes: bool) -> PurgeBounds {
        let upto = Seqno(upto);
        bounds(&CompactDb { vb: VbId(0), before, upto, drop_deletes, value: &[] })
    }

    #[test]
    fn both_bounds_hold_unless_everything_goes() {
        assert_eq!(asked(7, 0, false), PurgeBounds { before: 7, upto: Seqno::MAX });
        assert_eq!(asked(7, 9, false), PurgeBounds { before: 7, upto: Seqno(9) });
        assert_eq!(asked(0, 9, false).before, 0, "a seqno alone names nothing");
        assert_eq!(asked(7, 9, true), PurgeBounds::ALL);
        assert_eq!(asked(u64::MAX, 0, false), PurgeBounds::ALL);
    }

    #[test]
    fn there_are_no_keys_to_give_up() {
        let status = |value: &str| check_value(value.as_bytes()).map_err(|refused| refused.status);
        assert_eq!((status(""), status("[]")), (Ok(()), Ok(())));
        assert_eq!(status(r#"["a key"]"#), Err(Status::NOT_SUPPORTED));
        for wrong in ["{}", "[1]", "[", "\"a key\"", r#"["a", null]"#] {
            assert_eq!(status(wrong), Err(Status::EINVAL), "{wrong}");
        }
    }
}

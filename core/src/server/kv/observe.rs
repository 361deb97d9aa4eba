//! OBSERVE_SEQNO: how far a vbucket is in memory and on disk.

use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{FailoverEntry, VbUuid};
use crate::wire::Status;
use crate::wire::kv::{Failover, ObserveSeqno, ObserveSeqnoAnswer};

/// `91` OBSERVE_SEQNO.
pub(in crate::server) fn observe_seqno(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = ObserveSeqno::parse(call.frame)?;
    let engine = &call.shared.engine;
    let (Some(log), Some(stats)) = (engine.failover_log(request.vb), engine.vbucket(request.vb))
    else {
        return Err(Refused::not_my_vbucket().into());
    };
    let Some(failover) = end_of_branch(&log, request.uuid) else {
        let why = "the vbucket's history has no such branch";
        return Err(Refused::new(Status::KEY_ENOENT, why).into());
    };
    let answer = ObserveSeqnoAnswer {
        vb: request.vb,
        uuid: log[0].uuid,
        persisted: stats.persisted,
        current: stats.high,
        failover,
    };
    answer.encode(call.frame.header(), call.out());
    Ok(())
}

/// Where a branch of history ended: `Some(None)` for the newest, which goes on; `None` if there is no such branch.
pub(super) fn end_of_branch(log: &[FailoverEntry], uuid: VbUuid) -> Option<Option<Failover>> {
    let at = log.iter().position(|entry| entry.uuid == uuid)?;
    let successor = at.checked_sub(1).map(|newer| log[newer]);
    Some(successor.map(|newer| Failover { uuid, last_seqno: newer.seqno }))
}

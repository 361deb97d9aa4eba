//! GET_ALL_VB_SEQNOS: the high seqno of every vbucket.

use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{Seqno, VbId, VbState};
use crate::wire::Status;
use crate::wire::kv::{AllVbSeqnosAnswer, GetAllVbSeqnos};

/// `48` GET_ALL_VB_SEQNOS.
pub(in crate::server) fn all_vb_seqnos(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = GetAllVbSeqnos::parse(call.frame)?;
    if request.collection.is_some() {
        let why = "seqnos of a collection need collections, which are not supported here";
        return Err(Refused::new(Status::NOT_SUPPORTED, why).into());
    }
    let wanted = |state: VbState| match request.state {
        Some(only) => state == only,
        None => state != VbState::Dead,
    };
    let entries: Vec<(VbId, Seqno)> = call
        .shared
        .engine
        .high_seqnos()
        .into_iter()
        .filter(|(_, state, _)| wanted(*state))
        .map(|(vb, _, high)| (vb, high))
        .collect();
    AllVbSeqnosAnswer::encode(call.frame.header(), entries.into_iter(), call.out());
    Ok(())
}

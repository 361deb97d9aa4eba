//! GET_ALL_VB_SEQNOS: the high seqno of every vbucket.

use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{CollectionId, Seqno, VbId, VbState};
use crate::wire::kv::{AllVbSeqnosAnswer, GetAllVbSeqnos};
use crate::wire::{Feature, Status};

/// `48` GET_ALL_VB_SEQNOS.
pub(in crate::server) fn all_vb_seqnos(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = GetAllVbSeqnos::parse(call.frame)?;
    let collections = call.peer.has(Feature::COLLECTIONS);
    if request.collection.is_some() && !collections {
        let why = "seqnos of a collection need collections, which were not agreed on";
        return Err(Refused::new(Status::EINVAL, why).into());
    }
    // A client that does not know of collections is told of the one that it sees.
    let collection = if collections { request.collection } else { Some(CollectionId::DEFAULT) };
    let manifest = call.shared.engine.manifest();
    if collection.is_some_and(|id| collections && manifest.collection(id).is_none()) {
        return Err(call.unknown_collection());
    }
    let wanted = |state: VbState| match request.state {
        Some(only) => state == only,
        None => state != VbState::Dead,
    };
    let entries: Vec<(VbId, Seqno)> = call
        .shared
        .engine
        .high_seqnos_of(collection)
        .into_iter()
        .filter(|(_, state, _)| wanted(*state))
        .map(|(vb, _, high)| (vb, high))
        .collect();
    AllVbSeqnosAnswer::encode(call.frame.header(), entries.into_iter(), call.out());
    Ok(())
}

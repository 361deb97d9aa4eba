//! GET_RANDOM_KEY.

use super::locks::shown_cas;
use crate::collections::{Key, QualifiedKey};
use crate::engine::Drawn;
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::CollectionId;
use crate::wire::kv::{GetAnswer, GetRandomKey};
use crate::wire::{Feature, Status};

/// `b6` a document that is drawn at random: away from here, since it may have to look through the store.
pub(in crate::server) fn random(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let collections = call.peer.has(Feature::COLLECTIONS);
    let request = GetRandomKey::parse(call.frame, collections)?;
    let of = request.collection.unwrap_or(CollectionId::ZERO);
    if call.shared.engine.manifest().collection(of).is_none() {
        return Err(call.unknown_collection());
    }
    match call.drawn {
        None => Err(Stop::NeedsDraw(of)),
        Some(None) => Err(Status::KEY_ENOENT.into()),
        Some(Some(drawn)) => answer(call, of, drawn),
    }
}

fn answer(call: &mut Call<'_, '_>, of: CollectionId, drawn: &Drawn) -> Result<(), Stop> {
    let Drawn { record, lock, .. } = drawn;
    let (cas, flags) = (shown_cas(record.meta.cas, *lock), record.meta.flags);
    let qualified;
    let key = match call.peer.has(Feature::COLLECTIONS) {
        true => {
            qualified = QualifiedKey::new(Key::new(of, &record.key));
            qualified.as_ref().map_or(&[][..], QualifiedKey::as_bytes)
        }
        false => &record.key[..],
    };
    let shown = call.peer.shown(record.meta.datatype, &record.value);
    let (datatype, value) = shown.map_err(|_| Refused::damaged())?;
    let header = call.frame.header();
    GetAnswer { cas, flags, datatype, key, value: &value }.encode(header, call.output.buffer());
    Ok(())
}

//! Questions about scopes and collections.

use crate::collections::Manifest;
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::wire::kv::{
    CollectionIdAnswer, GetCollectionId, GetManifest, GetScopeId, ScopeIdAnswer,
};
use crate::wire::{Response, Status};
use serde_json::{Value, json};

/// `ba` COLLECTIONS_GET_MANIFEST.
pub(in crate::server) fn manifest(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    GetManifest::parse(call.frame)?;
    let text = manifest_json(&call.shared.engine.manifest()).to_string();
    let answer = Response::to(call.frame.header(), Status::SUCCESS);
    let datatype = call.peer.json();
    answer.value(datatype, text.as_bytes()).encode(call.out());
    Ok(())
}

/// `bb` COLLECTIONS_GET_ID.
pub(in crate::server) fn collection_id(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = GetCollectionId::parse(call.frame)?;
    let manifest = call.shared.engine.manifest();
    let path = text(request.path)?;
    let Some((scope, name)) = path.split_once('.').filter(|(_, name)| !name.contains('.')) else {
        return Err(Refused::new(Status::EINVAL, "a path is scope.collection").into());
    };
    if manifest.scope_named(scope).is_none() {
        return Err(Refused::unknown_scope(manifest.uid()).into());
    }
    let Some(found) = manifest.collection_named(scope, name) else {
        return Err(Refused::unknown_collection(manifest.uid()).into());
    };
    let answer = CollectionIdAnswer { manifest: manifest.uid().0, collection: found.id };
    answer.encode(call.frame.header(), call.out());
    Ok(())
}

/// `bc` COLLECTIONS_GET_SCOPE_ID.
pub(in crate::server) fn scope_id(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = GetScopeId::parse(call.frame)?;
    let manifest = call.shared.engine.manifest();
    // A path to a collection is as good: the part in front of the dot counts.
    let path = text(request.path)?;
    let Some(found) = manifest.scope_named(path.split('.').next().unwrap_or_default()) else {
        return Err(Refused::unknown_scope(manifest.uid()).into());
    };
    let answer = ScopeIdAnswer { manifest: manifest.uid().0, scope: found.id };
    answer.encode(call.frame.header(), call.out());
    Ok(())
}

/// A manifest as clients read it.
pub(in crate::server) fn manifest_json(manifest: &Manifest) -> Value {
    let scopes = manifest.scopes().iter().map(|scope| {
        let of_scope = manifest.collections().iter().filter(|made| made.scope == scope.id);
        let collections = of_scope.map(|made| {
            let mut entry = json!({ "name": made.name, "uid": format!("{:x}", made.id.0) });
            if made.max_ttl != 0 {
                entry["maxTTL"] = json!(made.max_ttl);
            }
            entry
        });
        json!({
            "name": scope.name,
            "uid": format!("{:x}", scope.id.0),
            "collections": collections.collect::<Vec<_>>(),
        })
    });
    json!({ "uid": format!("{:x}", manifest.uid().0), "scopes": scopes.collect::<Vec<_>>() })
}

fn text(path: &[u8]) -> Result<&str, Stop> {
    let fault = || Refused::new(Status::EINVAL, "a path is UTF-8").into();
    core::str::from_utf8(path).map_err(|_| fault())
}

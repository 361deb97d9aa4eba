//! Scopes and collections.
//!
//! Names begin with the ids of scope and collection, in hex: `0x0:0x8:items`.

use super::walk::Entries;
use crate::collections::{Collection, Manifest, Scope};
use crate::engine::Engine;
use crate::server::status::Refused;
use crate::types::{CollectionId, ScopeId};
use crate::wire::Status;

/// What of the manifest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Collections(Option<CollectionId>),
    Scopes(Option<ScopeId>),
}

impl Part {
    /// The part that a group and its argument name; `None` if that is another group.
    pub(super) fn of(
        group: &str,
        argument: Option<&str>,
        manifest: &Manifest,
    ) -> Option<Result<Self, Refused>> {
        let one = match (group, argument) {
            ("collections", None) => Ok(Self::Collections(None)),
            ("scopes", None) => Ok(Self::Scopes(None)),
            ("collections", Some(path)) => {
                collection_at(path, manifest).map(|id| Self::Collections(Some(id)))
            }
            ("collections-byid", Some(id)) => number(id)
                .and_then(|id| {
                    let known = manifest.collection(CollectionId(id)).map(|found| found.id);
                    known.ok_or_else(|| Refused::unknown_collection(manifest.uid()))
                })
                .map(|id| Self::Collections(Some(id))),
            ("scopes", Some(name)) => manifest
                .scope_named(name)
                .map(|found| Self::Scopes(Some(found.id)))
                .ok_or_else(|| Refused::unknown_scope(manifest.uid())),
            ("scopes-byid", Some(id)) => number(id)
                .and_then(|id| {
                    let known = manifest.scope(ScopeId(id)).map(|found| found.id);
                    known.ok_or_else(|| Refused::unknown_scope(manifest.uid()))
                })
                .map(|id| Self::Scopes(Some(id))),
            _ => return None,
        };
        Some(one)
    }

    pub(super) fn tell(self, engine: &Engine, entries: &mut Entries<'_>) {
        let (manifest, items) = (engine.manifest(), engine.collection_items());
        let items = |id| items.iter().find(|(of, _)| *of == id).map_or(0, |(_, items)| *items);
        match self {
            Self::Collections(one) => {
                if one.is_none() {
                    entries.put("manifest_uid", manifest.uid().0);
                }
                let wanted = |made: &&Collection| one.is_none_or(|id| id == made.id);
                for collection in manifest.collections().iter().filter(wanted) {
                    tell_collection(collection, &manifest, items(collection.id), entries);
                }
            }
            Self::Scopes(one) => {
                if one.is_none() {
                    entries.put("manifest_uid", manifest.uid().0);
                }
                let wanted = |made: &&Scope| one.is_none_or(|id| id == made.id);
                for scope in manifest.scopes().iter().filter(wanted) {
                    tell_scope(scope, &manifest, items, entries);
                }
            }
        }
    }
}

fn tell_collection(
    collection: &Collection,
    manifest: &Manifest,
    items: u64,
    entries: &mut Entries<'_>,
) {
    let prefix = format!("{:#x}:{:#x}", collection.scope.0, collection.id.0);
    entries.put(format_args!("{prefix}:name"), &collection.name);
    if let Some(scope) = manifest.scope(collection.scope) {
        entries.put(format_args!("{prefix}:scope_name"), &scope.name);
    }
    entries.put(format_args!("{prefix}:items"), items);
    if collection.max_ttl != 0 {
        entries.put(format_args!("{prefix}:maxTTL"), collection.max_ttl);
    }
}

fn tell_scope(
    scope: &Scope,
    manifest: &Manifest,
    items: impl Fn(CollectionId) -> u64,
    entries: &mut Entries<'_>,
) {
    let of_scope = || manifest.collections().iter().filter(|made| made.scope == scope.id);
    let id = scope.id.0;
    entries.put(format_args!("{id:#x}:name"), &scope.name);
    entries.put(format_args!("{id:#x}:collections"), of_scope().count());
    entries.put(format_args!("{id:#x}:items"), of_scope().map(|made| items(made.id)).sum::<u64>());
    for collection in of_scope() {
        entries.put(format_args!("{id:#x}:{:#x}:name", collection.id.0), &collection.name);
    }
}

fn collection_at(path: &str, manifest: &Manifest) -> Result<CollectionId, Refused> {
    let Some((scope, name)) = path.split_once('.') else {
        return Err(Refused::new(Status::EINVAL, "a path is scope.collection"));
    };
    if manifest.scope_named(scope).is_none() {
        return Err(Refused::unknown_scope(manifest.uid()));
    }
    let found = manifest.collection_named(scope, name).map(|found| found.id);
    found.ok_or_else(|| Refused::unknown_collection(manifest.uid()))
}

/// Hex, with `0x` in front or without.
fn number(text: &str) -> Result<u32, Refused> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    u32::from_str_radix(digits, 16)
        .map_err(|_| Refused::new(Status::EINVAL, "an id is a hex number"))
}

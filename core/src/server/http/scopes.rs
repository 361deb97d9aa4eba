//! `/pools/default/buckets/{bucket}/scopes`: the manifest, and its changes.
//!
//! | request | form | |
//! |---|---|---|
//! | GET `scopes` | | the manifest |
//! | POST `scopes` | `name` | makes a scope |
//! | DELETE `scopes/{scope}` | | drops it and its collections |
//! | POST `scopes/{scope}/collections` | `name`, `maxTTL` | makes a collection |
//! | PATCH `scopes/{scope}/collections/{collection}` | `maxTTL` | changes it |
//! | DELETE `scopes/{scope}/collections/{collection}` | | drops it |

use super::answer::{Answer, json, refused};
use super::form::{Form, Refusal};
use crate::collections::Manifest;
use crate::engine::Engine;
use crate::server::kv::manifest_json;
use crate::server::shared::Shared;
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::json;

/// The manifest, as the other port tells it.
pub(super) fn manifest(shared: &Shared) -> Answer {
    json(&manifest_json(&shared.engine.manifest()))
}

/// A change that a path and a method ask for.
#[derive(Debug)]
pub(super) enum Change {
    MakeScope,
    DropScope(String),
    MakeCollection(String),
    SetMaxTtl(String, String),
    DropCollection(String, String),
}

impl Change {
    /// The change that a request asks for; `None` if it asks for none. `path` is what comes behind `scopes`.
    pub(super) fn of(method: &Method, path: &[&str]) -> Option<Self> {
        Some(match (method, path) {
            (&Method::POST, []) => Self::MakeScope,
            (&Method::DELETE, [scope]) => Self::DropScope((*scope).to_owned()),
            (&Method::POST, [scope, "collections"]) => Self::MakeCollection((*scope).to_owned()),
            (&Method::PATCH, [scope, "collections", collection]) => {
                Self::SetMaxTtl((*scope).to_owned(), (*collection).to_owned())
            }
            (&Method::DELETE, [scope, "collections", collection]) => {
                Self::DropCollection((*scope).to_owned(), (*collection).to_owned())
            }
            _ => return None,
        })
    }

    /// Makes the change, and answers with the uid of the manifest that came of it.
    pub(super) async fn make(self, shared: &Shared, request: Request<Incoming>) -> Answer {
        let form = match Form::of(request, shared.settings.login_timeout).await {
            Ok(form) => form,
            Err(refusal) => return refusal.answer(),
        };
        let engine = shared.engine.clone();
        // It writes to every vbucket, and waits for memory if it has to.
        let made = tokio::task::spawn_blocking(move || self.apply(&engine, &form)).await;
        match made {
            Ok(Ok(manifest)) => json(&json!({ "uid": format!("{:x}", manifest.uid().0) })),
            Ok(Err(refusal)) => refusal.answer(),
            Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the change failed"),
        }
    }

    fn apply(self, engine: &Engine, form: &Form) -> Result<Manifest, Refusal> {
        form.only(match self {
            Self::MakeScope => &["name"],
            Self::MakeCollection(_) => &["name", "maxTTL", "history"],
            Self::SetMaxTtl(..) => &["maxTTL", "history"],
            Self::DropScope(_) | Self::DropCollection(..) => &[],
        })?;
        keeps_no_history(form)?;
        Ok(match self {
            Self::MakeScope => engine.create_scope(&name(form)?)?,
            Self::DropScope(scope) => engine.drop_scope(&scope)?,
            Self::MakeCollection(scope) => {
                engine.create_collection(&scope, &name(form)?, max_ttl(form)?.unwrap_or(0))?
            }
            Self::SetMaxTtl(scope, collection) => {
                let missing = || Refusal::form("the form has no `maxTTL`");
                let max_ttl = max_ttl(form)?.ok_or_else(missing)?;
                engine.set_max_ttl(&scope, &collection, max_ttl)?
            }
            Self::DropCollection(scope, collection) => {
                engine.drop_collection(&scope, &collection)?
            }
        })
    }
}

fn name(form: &Form) -> Result<String, Refusal> {
    form.field("name").ok_or_else(|| Refusal::form("the form has no `name`"))
}

/// Change streams come later.
fn keeps_no_history(form: &Form) -> Result<(), Refusal> {
    if form.field("history").is_none_or(|history| history == "false") {
        return Ok(());
    }
    tracing::info!("a client asked for a collection that keeps its history, which is not built");
    Err(Refusal::form("`history` is not supported here"))
}

/// In seconds. -1 is what does not even expire by a bucket's own limit, which there is none of here: the same as 0.
fn max_ttl(form: &Form) -> Result<Option<u32>, Refusal> {
    let Some(text) = form.field("maxTTL") else { return Ok(None) };
    if text == "-1" {
        return Ok(Some(0));
    }
    let what = || Refusal::form(format!("`maxTTL` is a number of seconds, not {text:?}"));
    text.parse().map(Some).map_err(|_| what())
}

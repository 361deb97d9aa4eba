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
use crate::collections::Manifest;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::server::kv::manifest_json;
use crate::server::shared::Shared;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::json;

/// Bytes of a form: two names and a number are far smaller.
const FORM_BYTES_MAX: usize = 16 * 1024;

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
    pub(super) async fn make(self, engine: &Engine, request: Request<Incoming>) -> Answer {
        let form = match form_of(request).await {
            Ok(form) => form,
            Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
        };
        let engine = engine.clone();
        // It writes to every vbucket, and waits for memory if it has to.
        let made = tokio::task::spawn_blocking(move || self.apply(&engine, &form)).await;
        match made {
            Ok(Ok(manifest)) => json(&json!({ "uid": format!("{:x}", manifest.uid().0) })),
            Ok(Err(Refusal::Form(why))) => refused(StatusCode::BAD_REQUEST, &why),
            Ok(Err(Refusal::Engine(error))) => refused(status_of(&error), &error.to_string()),
            Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the change failed"),
        }
    }

    fn apply(self, engine: &Engine, form: &[u8]) -> Result<Manifest, Refusal> {
        let made = match self {
            Self::MakeScope => engine.create_scope(&name(form)?),
            Self::DropScope(scope) => engine.drop_scope(&scope),
            Self::MakeCollection(scope) => {
                engine.create_collection(&scope, &name(form)?, max_ttl(form)?.unwrap_or(0))
            }
            Self::SetMaxTtl(scope, collection) => {
                let missing = || Refusal::Form("the form has no `maxTTL`".to_owned());
                let max_ttl = max_ttl(form)?.ok_or_else(missing)?;
                engine.set_max_ttl(&scope, &collection, max_ttl)
            }
            Self::DropCollection(scope, collection) => engine.drop_collection(&scope, &collection),
        };
        made.map_err(Refusal::Engine)
    }
}

/// Why a change was not made.
enum Refusal {
    Form(String),
    Engine(Error),
}

async fn form_of(request: Request<Incoming>) -> Result<Vec<u8>, String> {
    match Limited::new(request.into_body(), FORM_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) => Err(format!("the form cannot be read: {error}")),
    }
}

fn name(form: &[u8]) -> Result<String, Refusal> {
    field(form, "name").ok_or_else(|| Refusal::Form("the form has no `name`".to_owned()))
}

fn max_ttl(form: &[u8]) -> Result<Option<u32>, Refusal> {
    let Some(text) = field(form, "maxTTL") else { return Ok(None) };
    let what = || Refusal::Form(format!("`maxTTL` is a number of seconds, not {text:?}"));
    text.parse().map(Some).map_err(|_| what())
}

fn field(form: &[u8], wanted: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(form);
    fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

fn status_of(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::Misuse => StatusCode::BAD_REQUEST,
        ErrorKind::Closed | ErrorKind::Retry => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

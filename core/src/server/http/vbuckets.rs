//! `/pools/default/buckets/{bucket}/vbuckets`: the vbuckets, and what an operator changes of them.
//!
//! | request | form | |
//! |---|---|---|
//! | GET `vbuckets` | | each vbucket's state, seqnos and failover log |
//! | GET `vbuckets/{vb}` | | the same of one |
//! | DELETE `vbuckets/{vb}` | | forgets everything about one that is dead |
//! | POST `vbuckets/{vb}/state` | `state`: `active`, `replica`, `pending`, `dead` | gives it a state |
//! | POST `vbuckets/{vb}/failover` | | begins a new branch of its history |
//! | POST `vbuckets/{vb}/rollback` | `to`: a seqno | takes it back |
//! | POST `vbuckets/{vb}/purge` | `olderThan`: seconds; the server's purge age without it | forgets old tombstones |

use super::answer::{Answer, json, refused};
use super::form::{Form, Refusal};
use crate::engine::Engine;
use crate::server::kv::VbChange;
use crate::server::shared::Shared;
use crate::types::{FailoverEntry, Seqno, VbId, VbState};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// All vbuckets, or the one that a path names.
pub(super) fn tell(shared: &Shared, path: Option<&str>) -> Answer {
    let engine = &shared.engine;
    match path {
        None => {
            let all = (0..engine.vbuckets()).filter_map(|vb| one(engine, VbId(vb as u16)));
            json(&all.collect())
        }
        Some(text) => match text.parse().ok().and_then(|vb| one(engine, VbId(vb))) {
            Some(told) => json(&told),
            None => refused(StatusCode::NOT_FOUND, "there is no such vbucket"),
        },
    }
}

fn one(engine: &Engine, vb: VbId) -> Option<Value> {
    let (stats, log) = (engine.vbucket(vb)?, engine.failover_log(vb)?);
    Some(json!({
        "vbucket": vb.get(),
        "state": stats.state.as_str(),
        "highSeqno": stats.high.get(),
        "persistedSeqno": stats.persisted.get(),
        "purgeSeqno": stats.purge.get(),
        "itemCount": stats.items,
        "failoverLog": log.iter().map(entry).collect::<Vec<_>>(),
    }))
}

/// A uuid is written as text: not every reader of JSON takes numbers of 64 bits.
fn entry(entry: &FailoverEntry) -> Value {
    json!({ "uuid": entry.uuid.to_string(), "seqno": entry.seqno.get() })
}

/// A change that a path and a method ask for.
#[derive(Debug)]
pub(super) struct Change {
    vb: String,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    State,
    FailOver,
    RollBack,
    Purge,
    Empty,
}

impl Change {
    /// The change that a request asks for; `None` if it asks for none. `path` is what comes behind `vbuckets`.
    pub(super) fn of(method: &Method, path: &[&str]) -> Option<Self> {
        let (vb, what) = match (method, path) {
            (&Method::POST, [vb, "state"]) => (vb, What::State),
            (&Method::POST, [vb, "failover"]) => (vb, What::FailOver),
            (&Method::POST, [vb, "rollback"]) => (vb, What::RollBack),
            (&Method::POST, [vb, "purge"]) => (vb, What::Purge),
            (&Method::DELETE, [vb]) => (vb, What::Empty),
            _ => return None,
        };
        Some(Self { vb: (*vb).to_owned(), what })
    }

    /// Makes the change, and answers with what came of it once that is persisted.
    pub(super) async fn make(self, shared: &Shared, request: Request<Incoming>) -> Answer {
        let engine = &shared.engine;
        let Some(vb) = self.vb.parse().ok().filter(|vb| u32::from(*vb) < engine.vbuckets()) else {
            return refused(StatusCode::NOT_FOUND, "there is no such vbucket");
        };
        let form = match Form::of(request, shared.settings.login_timeout).await {
            Ok(form) => form,
            Err(refusal) => return refusal.answer(),
        };
        let engine = engine.clone();
        tracing::info!(vb, what = ?self.what, "a vbucket is changed by hand");
        // It waits for the store.
        let made = tokio::task::spawn_blocking(move || self.what.apply(&engine, VbId(vb), &form));
        match made.await {
            Ok(Ok(told)) => json(&told),
            Ok(Err(refusal)) => refusal.answer(),
            Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the change failed"),
        }
    }
}

impl What {
    fn apply(self, engine: &Engine, vb: VbId, form: &Form) -> Result<Value, Refusal> {
        match self {
            Self::State => {
                let state = state(form)?;
                VbChange::State(vb, state).make(engine)?;
                Ok(json!({ "state": state.as_str() }))
            }
            Self::FailOver => {
                let branch = engine.fail_over(vb)?;
                VbChange::persist(engine, vb)?;
                Ok(entry(&branch))
            }
            Self::RollBack => {
                let to = form.field("to").ok_or_else(|| Refusal::form("the form has no `to`"))?;
                let seqno = to.parse().map(Seqno);
                let seqno = seqno.map_err(|_| {
                    Refusal::form(format!("`to` is a seqno, which is a number, not {to:?}"))
                })?;
                Ok(entry(&engine.roll_back(vb, seqno)?))
            }
            Self::Purge => {
                let older_than = match form.field("olderThan") {
                    Some(text) => Some(text.parse().map(Duration::from_secs).map_err(|_| {
                        Refusal::form(format!("`olderThan` is a number of seconds, not {text:?}"))
                    })?),
                    None => engine.purge_after(),
                };
                let Some(older_than) = older_than else {
                    return Err(Refusal::form(
                        "this server purges nothing by itself: say `olderThan`, in seconds",
                    ));
                };
                Ok(json!({ "purged": engine.purge(vb, older_than)? }))
            }
            Self::Empty => Ok(entry(&engine.empty_vbucket(vb)?)),
        }
    }
}

fn state(form: &Form) -> Result<VbState, Refusal> {
    let text = form.field("state").ok_or_else(|| Refusal::form("the form has no `state`"))?;
    let states = (1..=4).filter_map(VbState::from_u32);
    states.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
        Refusal::form(format!("`state` is active, replica, pending or dead, not {text:?}"))
    })
}

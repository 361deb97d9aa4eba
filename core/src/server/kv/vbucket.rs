//! SET_VBUCKET, GET_VBUCKET, DEL_VBUCKET: the states of vbuckets, for every client that is logged in.

use super::compact;
use crate::engine::{Engine, PurgeBounds};
use crate::error::{Error, ErrorKind, Result as EngineResult};
use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::types::{VbId, VbState};
use crate::wire::Status;
use crate::wire::kv::{DelVbucket, GetVbucket, GetVbucketAnswer, SetVbucket};
use serde_json::Value;
use tokio::runtime::Handle;

/// A change of a vbucket that is answered once it is persisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum VbChange {
    State(VbId, VbState),
    Empty(VbId),
    Purge(VbId, PurgeBounds),
}

impl VbChange {
    /// Makes it, and waits until it is persisted; on a thread that may block, of a runtime.
    pub(in crate::server) fn make(self, engine: &Engine) -> EngineResult<()> {
        let vb = match self {
            Self::State(vb, state) => {
                engine.set_vbucket_state(vb, state)?;
                vb
            }
            Self::Empty(vb) => {
                engine.empty_vbucket(vb)?;
                vb
            }
            Self::Purge(vb, bounds) => return compact::purge(engine, vb, bounds),
        };
        Self::persist(engine, vb)
    }

    /// Waits until the state and failover log of a vbucket are persisted; on a thread that may block, of a runtime.
    pub(in crate::server) fn persist(engine: &Engine, vb: VbId) -> EngineResult<()> {
        if Handle::current().block_on(engine.state_persisted(vb)) {
            return Ok(());
        }
        let what = "the engine stopped before the change was persisted";
        Err(Error::new(ErrorKind::Closed, what))
    }
}

/// `3d` SET_VBUCKET.
pub(in crate::server) fn set_vbucket(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let SetVbucket { vb, state, value } = SetVbucket::parse(call.frame)?;
    call.session.branch(vb).ok_or_else(Refused::not_my_vbucket)?;
    if !value.is_empty() {
        check_value(value, state)?;
    }
    Err(Stop::NeedsChange(VbChange::State(vb, state)))
}

/// `3e` GET_VBUCKET.
pub(in crate::server) fn vbucket_state(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let GetVbucket { vb } = GetVbucket::parse(call.frame)?;
    let (state, _) = call.session.branch(vb).ok_or_else(Refused::not_my_vbucket)?;
    GetVbucketAnswer { state }.encode(call.frame.header(), call.out());
    Ok(())
}

/// `3f` DEL_VBUCKET.
pub(in crate::server) fn del_vbucket(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let DelVbucket { vb } = DelVbucket::parse(call.frame)?;
    let (state, _) = call.session.branch(vb).ok_or_else(Refused::not_my_vbucket)?;
    if state != VbState::Dead {
        return Err(Refused::new(Status::EINVAL, "only a dead vbucket is deleted").into());
    }
    Err(Stop::NeedsChange(VbChange::Empty(vb)))
}

/// What a value says has to be true here: that there is no node besides this one which copies the vbucket.
fn check_value(value: &[u8], state: VbState) -> Result<(), Refused> {
    let invalid = |why| Refused::new(Status::EINVAL, why);
    let Ok(Value::Object(members)) = serde_json::from_slice(value) else {
        return Err(invalid("the value is no JSON object"));
    };
    if let Some(other) = members.keys().find(|name| *name != "topology") {
        let why = format!("`{other}` is not supported: a vbucket only changes its state here");
        return Err(Refused::new(Status::NOT_SUPPORTED, why));
    }
    let Some(topology) = members.get("topology") else {
        return Err(invalid("the value is an object without members"));
    };
    if state != VbState::Active {
        return Err(invalid("only an active vbucket has a topology"));
    }
    let chains = topology.as_array().filter(|chains| (1..=2).contains(&chains.len()));
    for chain in chains.ok_or_else(|| invalid("a topology has one or two chains"))? {
        let nodes = chain.as_array().ok_or_else(|| invalid("a chain is an array of nodes"))?;
        let Some((Value::String(_), copies)) = nodes.split_first() else {
            return Err(invalid("a chain begins with the name of the active node"));
        };
        if copies.iter().any(|node| !node.is_null()) {
            let why = "synchronous replication is not supported: a topology names one node";
            return Err(Refused::new(Status::NOT_SUPPORTED, why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topology_may_name_this_node_alone() {
        let status =
            |value: &str, state| check_value(value.as_bytes(), state).map_err(|r| r.status);
        let active = |value| status(value, VbState::Active);
        assert_eq!(active(r#"{"topology":[["a"]]}"#), Ok(()));
        assert_eq!(active(r#"{"topology":[["a",null],["b",null]]}"#), Ok(()));
        assert_eq!(active(r#"{"topology":[["a","b"]]}"#), Err(Status::NOT_SUPPORTED));
        assert_eq!(active(r#"{"use_snapshot":"fbr"}"#), Err(Status::NOT_SUPPORTED));
        let replica = status(r#"{"topology":[["a"]]}"#, VbState::Replica);
        assert_eq!(replica, Err(Status::EINVAL));
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"topology":[]}"#,
            r#"{"topology":[[]]}"#,
            r#"{"topology":[[null]]}"#,
            r#"{"topology":"a"}"#,
            r#"{"topology":[["a"],["b"],["c"]]}"#,
        ] {
            assert_eq!(active(wrong), Err(Status::EINVAL), "{wrong}");
        }
    }
}

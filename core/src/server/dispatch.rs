//! From a message to its command.

use super::call::{Call, Stop};
use super::peer::Peer;
use super::status::Refused;
use super::{auth, cluster_config, dcp, error_map, kv, setup};
use crate::wire::{Magic, Opcode, Status, WireError};

/// Handles one message.
pub(super) fn dispatch(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    match call.frame.header().magic {
        Magic::REQUEST | Magic::FLEX_REQUEST => {}
        Magic::RESPONSE | Magic::FLEX_RESPONSE => return dcp::answer(call),
        // Requests and answers between servers and clients the other way round: none was made.
        _ => return Err(Stop::Close),
    }
    let opcode = call.frame.opcode();
    if call.peer.is_stranger() && !is_open_to_strangers(opcode) {
        return Err(login_first().into());
    }
    if opcode.is_dcp() {
        return dispatch_dcp(opcode, call);
    }
    match opcode.loud() {
        Opcode::GET | Opcode::GETK => kv::get(call),
        Opcode::SET | Opcode::ADD | Opcode::REPLACE => kv::store(call),
        Opcode::DELETE => kv::delete(call),
        Opcode::INCREMENT | Opcode::DECREMENT => kv::arithmetic(call),
        Opcode::APPEND | Opcode::PREPEND => kv::concat(call),
        Opcode::TOUCH => kv::touch(call),
        Opcode::GAT => kv::get_and_touch(call),
        Opcode::GET_RANDOM_KEY => kv::random(call),
        Opcode::GET_LOCKED => kv::read_and_lock(call),
        Opcode::UNLOCK_KEY => kv::unlock(call),
        Opcode::GET_META => kv::version_of(call),
        Opcode::SET_WITH_META | Opcode::ADD_WITH_META => kv::store_with_meta(call),
        Opcode::DEL_WITH_META => kv::delete_with_meta(call),
        Opcode::OBSERVE_SEQNO => kv::observe_seqno(call),
        Opcode::GET_ALL_VB_SEQNOS => kv::all_vb_seqnos(call),
        Opcode::SET_VBUCKET => kv::set_vbucket(call),
        Opcode::GET_VBUCKET => kv::vbucket_state(call),
        Opcode::DEL_VBUCKET => kv::del_vbucket(call),
        Opcode::COMPACT_DB => kv::compact(call),
        Opcode::STAT => kv::stat(call),
        Opcode::COLLECTIONS_GET_MANIFEST => kv::manifest(call),
        Opcode::COLLECTIONS_GET_ID => kv::collection_id(call),
        Opcode::COLLECTIONS_GET_SCOPE_ID => kv::scope_id(call),
        Opcode::NOOP => setup::noop(call),
        Opcode::VERSION => setup::version(call),
        Opcode::HELLO => setup::hello(call),
        Opcode::SELECT_BUCKET => setup::select_bucket(call),
        Opcode::QUIT => setup::quit(call),
        Opcode::SASL_LIST_MECHS => auth::sasl_list_mechs(call),
        Opcode::SASL_AUTH => auth::sasl_auth(call),
        Opcode::SASL_STEP => auth::sasl_step(call),
        Opcode::GET_CLUSTER_CONFIG => cluster_config::get_cluster_config(call),
        Opcode::GET_ERROR_MAP => error_map::get_error_map(call),
        _ => Err(not_served(opcode, call.peer).into()),
    }
}

/// The answer to a request that was refused on its header: what it would have been, had the request been received
/// whole.
pub(super) fn refusal(opcode: Opcode, error: WireError, peer: &Peer) -> Refused {
    match error {
        // Of no message at all, whoever sends it.
        WireError::BodyShort { .. } | WireError::BodyLong { .. } => error.into(),
        _ if peer.is_stranger() && !is_open_to_strangers(opcode) => login_first(),
        WireError::Opcode { .. } => not_served(opcode, peer),
        error => error.into(),
    }
}

fn login_first() -> Refused {
    Refused::new(Status::EACCESS, "log in first")
}

/// A command that is not served, to this client or at all.
fn not_served(opcode: Opcode, peer: &Peer) -> Refused {
    if opcode.is_dcp() && peer.dcp.is_none() {
        return Refused::not_dcp();
    }
    if opcode.is_dcp() {
        return Refused::new(Status::NOT_SUPPORTED, "a producer does not take this command");
    }
    if opcode.loud() == Opcode::FLUSH {
        let why = "documents are deleted one by one: streams have to tell of each";
        return Refused::new(Status::NOT_SUPPORTED, why);
    }
    Status::UNKNOWN_COMMAND.into()
}

fn dispatch_dcp(opcode: Opcode, call: &mut Call<'_, '_>) -> Result<(), Stop> {
    match opcode {
        Opcode::DCP_OPEN => dcp::open(call),
        Opcode::DCP_CONTROL => dcp::control(call),
        Opcode::DCP_STREAM_REQ => dcp::stream_request(call),
        Opcode::DCP_CLOSE_STREAM => dcp::close_stream(call),
        Opcode::DCP_GET_FAILOVER_LOG => dcp::get_failover_log(call),
        Opcode::DCP_BUFFER_ACK => dcp::buffer_ack(call),
        Opcode::DCP_NOOP => dcp::noop(call),
        _ => Err(not_served(opcode, call.peer).into()),
    }
}

/// What a client may do before it has logged in, if it has to.
fn is_open_to_strangers(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::HELLO
            | Opcode::SASL_LIST_MECHS
            | Opcode::SASL_AUTH
            | Opcode::SASL_STEP
            | Opcode::GET_ERROR_MAP
            | Opcode::VERSION
            | Opcode::NOOP
            | Opcode::QUIT
            | Opcode::QUITQ
    ) || opcode.name().is_none()
}

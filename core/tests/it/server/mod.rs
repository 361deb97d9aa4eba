//! The server as its clients see it: real sockets, frames made by the codec.

mod client;
mod dcp;
mod gated;
mod requests;
pub(crate) mod running;
mod sids;

mod ack_persisted;
mod backfills;
mod cold_documents;
mod collections;
mod compacting;
mod compressed_values;
mod connecting;
mod dcp_stream;
mod deletions;
mod drawing;
mod ending;
mod flow_control;
mod kv_semantics;
mod locks;
mod malformed;
mod management;
mod markers;
mod memory_full;
mod negotiating;
mod not_taken;
mod observing;
mod pipelining;
mod priorities;
mod purging;
mod scram;
mod seqno_advanced;
mod stats;
mod stats_of_documents;
mod stream_flags;
mod stream_ids;
mod stream_order;
mod stream_values;
mod system_events;
#[cfg(feature = "client")]
mod tls;
mod vbucket_states;
mod with_meta;
mod write_infos;

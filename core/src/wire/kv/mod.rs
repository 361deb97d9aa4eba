//! Key-value commands, and those that set a connection up: one file per command.

mod all_vb_seqnos;
mod arithmetic;
mod cluster_config;
mod collections;
mod commands;
mod compact_db;
mod concat;
mod del_vbucket;
mod delete;
mod error_map;
mod get;
mod get_meta;
mod get_vbucket;
mod hello;
mod lock;
mod noop;
mod observe_seqno;
mod quit;
mod sasl;
mod select_bucket;
mod set_vbucket;
mod stat;
mod store;
mod touch;
mod version;
mod with_meta;
mod write_answer;

pub use all_vb_seqnos::{AllVbSeqnosAnswer, GetAllVbSeqnos};
pub use arithmetic::{Arithmetic, ArithmeticAnswer, ArithmeticMode};
pub use cluster_config::{ConfigVersion, GetClusterConfig};
pub use collections::{
    CollectionIdAnswer, GetCollectionId, GetManifest, GetScopeId, ScopeIdAnswer,
};
pub(super) use commands::COMMANDS;
pub use compact_db::CompactDb;
pub use concat::{Concat, ConcatMode};
pub use del_vbucket::DelVbucket;
pub use delete::Delete;
pub use error_map::GetErrorMap;
pub use get::{Get, GetAnswer};
pub use get_meta::{GetMeta, GetMetaAnswer};
pub use get_vbucket::{GetVbucket, GetVbucketAnswer};
pub use hello::{Hello, HelloAnswer};
pub use lock::{GetLocked, UnlockKey};
pub use noop::Noop;
pub use observe_seqno::{Failover, ObserveSeqno, ObserveSeqnoAnswer};
pub use quit::Quit;
pub use sasl::{SaslAuth, SaslListMechs};
pub use select_bucket::SelectBucket;
pub use set_vbucket::SetVbucket;
pub use stat::{Stat, StatEntry};
pub use store::{Store, StoreMode};
pub use touch::{GetAndTouch, Touch};
pub use version::Version;
pub use with_meta::{MetaOptions, WithMeta};
pub use write_answer::{MutationToken, WriteAnswer};

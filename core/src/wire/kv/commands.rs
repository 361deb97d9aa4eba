//! The rows of [`commands`](crate::wire::commands) for key-value commands.

use super::{
    Arithmetic, CompactDb, Concat, DelVbucket, Delete, Get, GetAllVbSeqnos, GetAndTouch,
    GetClusterConfig, GetCollectionId, GetErrorMap, GetLocked, GetManifest, GetMeta, GetRandomKey,
    GetScopeId, GetVbucket, Hello, Noop, ObserveSeqno, Quit, SaslAuth, SaslListMechs, SelectBucket,
    SetVbucket, Stat, Store, Touch, UnlockKey, Version, WithMeta,
};
use crate::wire::shape::Shape;

/// What a server takes.
pub(in crate::wire) const COMMANDS: &[&Shape] = &[
    &Arithmetic::SHAPE,
    &CompactDb::SHAPE,
    &Concat::SHAPE,
    &DelVbucket::SHAPE,
    &Delete::SHAPE,
    &Get::SHAPE,
    &GetAllVbSeqnos::SHAPE,
    &GetAndTouch::SHAPE,
    &GetClusterConfig::SHAPE,
    &GetCollectionId::SHAPE,
    &GetErrorMap::SHAPE,
    &GetLocked::SHAPE,
    &GetManifest::SHAPE,
    &GetMeta::SHAPE,
    &GetRandomKey::SHAPE,
    &GetScopeId::SHAPE,
    &GetVbucket::SHAPE,
    &Hello::SHAPE,
    &Noop::SHAPE,
    &ObserveSeqno::SHAPE,
    &Quit::SHAPE,
    &SaslAuth::SHAPE,
    &SaslListMechs::SHAPE,
    &SelectBucket::SHAPE,
    &SetVbucket::SHAPE,
    &Stat::SHAPE,
    &Store::SHAPE,
    &Touch::SHAPE,
    &UnlockKey::SHAPE,
    &Version::SHAPE,
    &WithMeta::SHAPE,
];

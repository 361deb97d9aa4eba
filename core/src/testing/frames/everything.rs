//! Every parser there is.

use crate::wire::dcp::StreamMessage;
use crate::wire::{Frame, Response, dcp, kv};

/// Tries every parser on a frame; how many took it.
pub(crate) fn parse_with_everything(f: &Frame) -> usize {
    let dcp = [
        dcp::Open::parse(f).is_ok(),
        dcp::Control::parse(f).is_ok(),
        dcp::StreamReq::parse(f).is_ok(),
        dcp::CloseStream::parse(f).is_ok(),
        dcp::GetFailoverLog::parse(f).is_ok(),
        dcp::BufferAck::parse(f).is_ok(),
        dcp::Noop::parse(f).is_ok(),
        dcp::NoopAnswer::parse(f).is_ok(),
        dcp::FailoverLogAnswer::parse(f).is_ok(),
        matches!(dcp::RollbackAnswer::parse(f), Ok(Some(_))),
        StreamMessage::parse(f).is_ok(),
    ];
    let kv = [
        kv::Get::parse(f).is_ok(),
        kv::GetAnswer::parse(f).is_ok(),
        kv::GetMeta::parse(f).is_ok(),
        kv::GetMetaAnswer::parse(f).is_ok(),
        kv::Store::parse(f).is_ok(),
        kv::WithMeta::parse(f).is_ok(),
        kv::WriteAnswer::parse(f).is_ok(),
        kv::Delete::parse(f).is_ok(),
        kv::Concat::parse(f).is_ok(),
        kv::Arithmetic::parse(f).is_ok(),
        kv::ArithmeticAnswer::parse(f).is_ok(),
        kv::Touch::parse(f).is_ok(),
        kv::GetAndTouch::parse(f).is_ok(),
        kv::Noop::parse(f).is_ok(),
        kv::Version::parse(f).is_ok(),
        kv::Quit::parse(f).is_ok(),
        kv::Stat::parse(f).is_ok(),
        kv::StatEntry::parse(f).is_ok(),
        kv::Hello::parse(f).is_ok(),
        kv::HelloAnswer::parse(f).is_ok(),
        kv::SaslListMechs::parse(f).is_ok(),
        kv::SaslAuth::parse(f).is_ok(),
        kv::SelectBucket::parse(f).is_ok(),
        kv::GetClusterConfig::parse(f).is_ok(),
        kv::GetErrorMap::parse(f).is_ok(),
        kv::ObserveSeqno::parse(f).is_ok(),
        kv::ObserveSeqnoAnswer::parse(f).is_ok(),
        kv::GetAllVbSeqnos::parse(f).is_ok(),
        kv::AllVbSeqnosAnswer::parse(f).is_ok(),
        kv::GetManifest::parse(f).is_ok(),
        kv::GetCollectionId::parse(f).is_ok(),
        kv::CollectionIdAnswer::parse(f).is_ok(),
        kv::GetScopeId::parse(f).is_ok(),
        kv::ScopeIdAnswer::parse(f).is_ok(),
        Response::parse(f).is_ok(),
    ];
    dcp.into_iter().chain(kv).filter(|&ok| ok).count()
}

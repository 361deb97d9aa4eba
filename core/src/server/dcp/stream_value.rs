//! The value of a stream request: a JSON object that says what the stream is to show.
//!
//! | member | type | |
//! |---|---|---|
//! | `collections` | array of hex strings | these collections; not with `scope` |
//! | `scope` | hex string | the collections of this scope |
//! | `sid` | number, 1 to 65535 | the stream's id |
//! | `purge_seqno` | decimal string | the purge seqno that the client knows |
//! | `uid` | hex string | a manifest; read and not used |
//! | `cts` | | of cache transfers, which are not built: refused |
//!
//! At least one of them has to be there; others are passed over.

use crate::stream::{FilterFault, RawFilter};
use crate::types::{Seqno, Sid};
use FilterFault::Unreadable;
use serde_json::{Map, Value};

/// What a value says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StreamValue {
    pub(super) filter: RawFilter,
    pub(super) sid: Option<Sid>,
    pub(super) purge_seqno: Option<Seqno>,
}

impl StreamValue {
    /// Reads it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, FilterFault> {
        if text.is_empty() {
            return Ok(Self { filter: RawFilter::Absent, sid: None, purge_seqno: None });
        }
        let Ok(value) = serde_json::from_slice(text) else {
            return Err(Unreadable("the value is not JSON"));
        };
        let Value::Object(members) = value else {
            return Err(Unreadable("the value is no object"));
        };
        if !KNOWN.iter().any(|known| members.contains_key(*known)) {
            return Err(Unreadable(NONE_KNOWN));
        }
        if members.contains_key("cts") {
            return Err(FilterFault::NotBuilt("`cts` is of cache transfers, which are not built"));
        }
        if let Some(uid) = members.get("uid") {
            hex(uid, u64::MAX, "`uid` wants a hex string")?;
        }
        Ok(Self {
            filter: filter(&members)?,
            sid: members.get("sid").map(sid).transpose()?,
            purge_seqno: members.get("purge_seqno").map(purge_seqno).transpose()?,
        })
    }

    /// One that cannot be.
    pub(super) fn faulty(fault: FilterFault) -> Self {
        Self { filter: RawFilter::Faulty(fault), sid: None, purge_seqno: None }
    }
}

fn filter(members: &Map<String, Value>) -> Result<RawFilter, FilterFault> {
    match (members.get("collections"), members.get("scope")) {
        (None, None) => Ok(RawFilter::Everything),
        (Some(_), Some(_)) => Err(Unreadable("`collections` and `scope` exclude each other")),
        (None, Some(scope)) => Ok(RawFilter::Scope(id(scope, "`scope` wants a hex string")?)),
        (Some(Value::Array(ids)), None) => {
            let id = |one| id(one, "`collections` wants hex strings");
            Ok(RawFilter::Collections(ids.iter().map(id).collect::<Result<_, _>>()?))
        }
        (Some(_), None) => Err(Unreadable("`collections` is no array")),
    }
}

fn sid(value: &Value) -> Result<Sid, FilterFault> {
    let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
    number.filter(|number| *number > 0).map(Sid).ok_or(FilterFault::StreamId)
}

fn purge_seqno(value: &Value) -> Result<Seqno, FilterFault> {
    let number = value.as_str().and_then(|text| text.parse().ok());
    number.map(Seqno).ok_or(Unreadable("`purge_seqno` is no decimal string"))
}

fn id(value: &Value, why: &'static str) -> Result<u32, FilterFault> {
    // The bound makes it fit.
    hex(value, u64::from(u32::MAX), why).map(|id| id as u32)
}

fn hex(value: &Value, most: u64, why: &'static str) -> Result<u64, FilterFault> {
    let text = value.as_str().map(|text| text.trim_start_matches("0x"));
    let number = text.and_then(|text| u64::from_str_radix(text, 16).ok());
    number.filter(|number| *number <= most).ok_or(Unreadable(why))
}

const KNOWN: [&str; 6] = ["uid", "sid", "collections", "scope", "purge_seqno", "cts"];
const NONE_KNOWN: &str = "the value has none of uid, sid, collections, scope, purge_seqno, cts";

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<StreamValue> {
        StreamValue::parse(text.as_bytes()).ok()
    }

    #[test]
    fn filters() {
        let of = |filter| Some(StreamValue { filter, sid: None, purge_seqno: None });
        assert_eq!(parsed(""), of(RawFilter::Absent));
        assert_eq!(parsed(r#"{"uid":"0"}"#), of(RawFilter::Everything));
        let collections = RawFilter::Collections(vec![0, 0x1f]);
        assert_eq!(parsed(r#"{ "collections" : ["0", "1f"] }"#), of(collections));
        assert_eq!(parsed(r#"{"scope":"8"}"#), of(RawFilter::Scope(8)));
        let all = parsed(r#"{"uid":"1","sid":7,"purge_seqno":"12","other":1}"#);
        let (sid, purge_seqno) = (Some(Sid(7)), Some(Seqno(12)));
        assert_eq!(all, Some(StreamValue { filter: RawFilter::Everything, sid, purge_seqno }));
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "{",
            "[]",
            "{}",
            r#"{"other":1}"#,
            r#"{"collections":"8"}"#,
            r#"{"collections":[8]}"#,
            r#"{"collections":["8"],"scope":"8"}"#,
            r#"{"scope":"100000000"}"#,
            r#"{"scope":"x"}"#,
            r#"{"uid":7}"#,
            r#"{"sid":0}"#,
            r#"{"sid":65536}"#,
            r#"{"sid":"7"}"#,
            r#"{"purge_seqno":12}"#,
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_built() {
        for text in [r#"{"cts":{}}"#, r#"{"uid":"0","cts":null}"#, r#"{"cts":"1","uid":7}"#] {
            let read = StreamValue::parse(text.as_bytes());
            assert!(matches!(read, Err(FilterFault::NotBuilt(_))), "{text}: {read:?}");
        }
    }
}

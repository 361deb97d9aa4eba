//! The value of a stream request: a JSON object that says what the stream is to show.
//!
//! | member | type | |
//! |---|---|---|
//! | `collections` | array of hex strings | these collections; not with `scope` |
//! | `scope` | hex string | the collections of this scope |
//! | `sid` | number, 1 to 65535 | the stream's id |
//! | `purge_seqno` | decimal string | the purge seqno that the client knows |
//! | `uid` | hex string | a manifest; read and not used |
//!
//! At least one of them has to be there, or `cts`; others are passed over.

use crate::server::status::Refused;
use crate::stream::{FilterFault, RawFilter, Refusal};
use crate::types::{Seqno, Sid};
use crate::wire::Status;
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
    pub(super) fn parse(text: &[u8]) -> Result<Self, Refused> {
        if text.is_empty() {
            return Ok(Self { filter: RawFilter::Absent, sid: None, purge_seqno: None });
        }
        let value: Value = serde_json::from_slice(text)
            .map_err(|error| invalid(format!("the value is not JSON: {error}")))?;
        let Value::Object(members) = value else { return Err(invalid("the value is no object")) };
        if !KNOWN.iter().any(|known| members.contains_key(*known)) {
            return Err(invalid(format!("the value has none of {}", KNOWN.join(", "))));
        }
        if let Some(uid) = members.get("uid") {
            hex("uid", uid, u64::MAX)?;
        }
        Ok(Self {
            filter: filter(&members)?,
            sid: members.get("sid").map(sid).transpose()?,
            purge_seqno: members.get("purge_seqno").map(purge_seqno).transpose()?,
        })
    }
}

fn filter(members: &Map<String, Value>) -> Result<RawFilter, Refused> {
    match (members.get("collections"), members.get("scope")) {
        (None, None) => Ok(RawFilter::Everything),
        (Some(_), Some(_)) => Err(invalid("`collections` and `scope` exclude each other")),
        (None, Some(scope)) => Ok(RawFilter::Scope(id("scope", scope)?)),
        (Some(Value::Array(ids)), None) => {
            let ids: Result<_, _> = ids.iter().map(|one| id("collections", one)).collect();
            Ok(RawFilter::Collections(ids?))
        }
        (Some(_), None) => Err(invalid("`collections` is no array")),
    }
}

fn sid(value: &Value) -> Result<Sid, Refused> {
    let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
    match number {
        Some(1..) => Ok(Sid(number.unwrap_or_default())),
        _ => Err(Refused::from(&Refusal::Filter(FilterFault::StreamId))),
    }
}

fn purge_seqno(value: &Value) -> Result<Seqno, Refused> {
    let number = value.as_str().and_then(|text| text.parse().ok());
    number.map(Seqno).ok_or_else(|| invalid("`purge_seqno` is no decimal string"))
}

fn id(member: &str, value: &Value) -> Result<u32, Refused> {
    // The bound makes it fit.
    hex(member, value, u64::from(u32::MAX)).map(|id| id as u32)
}

fn hex(member: &str, value: &Value, most: u64) -> Result<u64, Refused> {
    let text = value.as_str().map(|text| text.trim_start_matches("0x"));
    let number = text.and_then(|text| u64::from_str_radix(text, 16).ok());
    number
        .filter(|number| *number <= most)
        .ok_or_else(|| invalid(format!("`{member}` wants hex strings, not {value}")))
}

fn invalid(why: impl Into<std::borrow::Cow<'static, str>>) -> Refused {
    Refused::new(Status::EINVAL, why)
}

const KNOWN: [&str; 6] = ["uid", "sid", "collections", "scope", "purge_seqno", "cts"];

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
}

//! How the statistics of DCP connections are wanted: the value of a request for the group `dcp`.
//!
//! | member | |
//! |---|---|
//! | `stream_format` | `legacy`: one entry for each number of a stream; `json`: one for each stream; `skip`: none |
//! | `filter.user` | only connections that this user opened |

use crate::engine::ConnectionSnapshot;
use crate::server::status::Refused;
use crate::wire::Status;
use serde_json::{Map, Value};

/// How streams are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StreamFormat {
    #[default]
    Legacy,
    Json,
    Skip,
}

/// How the statistics of DCP connections are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) format: StreamFormat,
    user: Option<String>,
}

impl Asked {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Refused> {
        let mut asked = Self::default();
        if value.is_empty() {
            return Ok(asked);
        }
        let members: Map<String, Value> = serde_json::from_slice(value)
            .map_err(|error| invalid(&format!("the value is no JSON object: {error}")))?;
        for (name, value) in &members {
            match (name.as_str(), value) {
                ("stream_format", value) => asked.format = format_of(value)?,
                ("filter", Value::Object(filter)) => asked.user = user_of(filter)?,
                _ => return Err(invalid(&format!("`{name}` is not known, or not of that type"))),
            }
        }
        Ok(asked)
    }

    /// Whether a connection is wanted.
    pub(super) fn wants(&self, connection: &ConnectionSnapshot) -> bool {
        self.user.is_none() || self.user == connection.user
    }
}

fn format_of(value: &Value) -> Result<StreamFormat, Refused> {
    match value.as_str() {
        Some("legacy") => Ok(StreamFormat::Legacy),
        Some("json") => Ok(StreamFormat::Json),
        Some("skip") => Ok(StreamFormat::Skip),
        _ => Err(invalid("`stream_format` is legacy, json or skip")),
    }
}

fn user_of(filter: &Map<String, Value>) -> Result<Option<String>, Refused> {
    let mut user = None;
    for (name, value) in filter {
        match (name.as_str(), value) {
            ("user", Value::String(name)) => user = Some(name.clone()),
            _ => return Err(invalid(&format!("connections cannot be filtered by `{name}`"))),
        }
    }
    Ok(user)
}

fn invalid(why: &str) -> Refused {
    Refused::new(Status::EINVAL, why.to_owned())
}

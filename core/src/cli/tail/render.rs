//! Events as lines of JSON.
//!
//! Keys and values are texts where they are UTF-8. Where they are not, `key_base64` and `value_base64` stand in
//! their place. CAS values and uuids are texts, since many readers of JSON round numbers of their size.

use crate::cli::base64;
use crate::client::{Document, Event, SystemChange};
use crate::types::{EndReason, VbId};
use crate::wire::dcp::{MarkerExtension, SnapshotMarker};
use clap::ValueEnum;
use std::io::{self, Write};

/// How values are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Values {
    /// As text; in base64 what is no text
    Utf8,
    /// In base64, all of them
    Base64,
    /// As JSON, in place; as text what is none
    Json,
    /// Not at all
    None,
}

/// Writes events as lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Render {
    pub(crate) values: Values,
}

impl Render {
    /// Appends the line of an event; events that are only about this connection have none.
    pub(crate) fn line(self, event: &Event, out: &mut Vec<u8>) -> io::Result<()> {
        match event {
            Event::Mutation(document) => self.mutation(document, out)?,
            Event::Deletion(document) => self.tombstone("deletion", document, out)?,
            Event::Expiration(document) => self.tombstone("expiration", document, out)?,
            Event::SnapshotMarker(marker) => marker_line(marker, out)?,
            Event::SystemChange(change) => self.system_event(change, out)?,
            Event::SeqnoAdvanced { tag, seqno } => {
                begin("seqno_advanced", tag.vb, out)?;
                write!(out, ",\"seqno\":{seqno}")?;
            }
            Event::OsoSnapshot { tag, begins } => {
                begin("oso_snapshot", tag.vb, out)?;
                write!(out, ",\"begins\":{begins}")?;
            }
            Event::VbucketState { tag, state } => {
                begin("vbucket_state", tag.vb, out)?;
                write!(out, ",\"state\":\"{}\"", state.as_str())?;
            }
            Event::Rollback { tag, to } => {
                begin("rollback", tag.vb, out)?;
                write!(out, ",\"seqno\":{to}")?;
            }
            Event::StreamEnd { tag, code, reason } => {
                begin("stream_end", tag.vb, out)?;
                write!(out, ",\"code\":{code},\"reason\":\"{}\"", reason_name(*reason))?;
            }
            Event::StreamOpened { .. }
            | Event::StreamRefused { .. }
            | Event::CloseAnswered { .. } => {
                return Ok(());
            }
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }

    fn mutation(self, document: &Document, out: &mut Vec<u8>) -> io::Result<()> {
        begin("mutation", document.tag.vb, out)?;
        let meta = &document.meta;
        write!(out, ",\"seqno\":{},\"cas\":\"{}\",\"rev\":{}", meta.seqno, meta.cas, meta.rev)?;
        write!(out, ",\"flags\":{},\"expiry\":{}", meta.flags, meta.expiry)?;
        write!(out, ",\"datatype\":{}", meta.datatype.0)?;
        collection(document, out)?;
        text("key", &document.key, out)?;
        self.value(&document.value, out)
    }

    fn tombstone(self, event: &str, document: &Document, out: &mut Vec<u8>) -> io::Result<()> {
        begin(event, document.tag.vb, out)?;
        let meta = &document.meta;
        write!(out, ",\"seqno\":{},\"cas\":\"{}\",\"rev\":{}", meta.seqno, meta.cas, meta.rev)?;
        if meta.expiry > 0 {
            write!(out, ",\"delete_time\":{}", meta.expiry)?;
        }
        write!(out, ",\"datatype\":{}", meta.datatype.0)?;
        collection(document, out)?;
        text("key", &document.key, out)?;
        if document.value.is_empty() { Ok(()) } else { self.value(&document.value, out) }
    }

    fn system_event(self, change: &SystemChange, out: &mut Vec<u8>) -> io::Result<()> {
        begin("system_event", change.tag.vb, out)?;
        write!(out, ",\"seqno\":{},\"kind\":{}", change.seqno, change.kind.0)?;
        write!(out, ",\"version\":{}", change.version)?;
        text("name", &change.name, out)?;
        base64_text("value", &change.value, out);
        Ok(())
    }

    fn value(self, value: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self.values {
            Values::None => {}
            Values::Base64 => base64_text("value", value, out),
            Values::Json if is_json(value) => {
                out.extend_from_slice(b",\"value\":");
                // Between its tokens JSON may have line ends; inside of texts it cannot.
                out.extend(
                    value.iter().map(|&b| if matches!(b, b'\n' | b'\r') { b' ' } else { b }),
                );
            }
            Values::Utf8 | Values::Json => text("value", value, out)?,
        }
        Ok(())
    }
}

fn begin(event: &str, vb: VbId, out: &mut Vec<u8>) -> io::Result<()> {
    write!(out, "{{\"event\":\"{event}\",\"vbucket\":{vb}")
}

/// Of connections with collections, the id as it is written everywhere: in hexadecimal.
fn collection(document: &Document, out: &mut Vec<u8>) -> io::Result<()> {
    match document.collection {
        Some(id) => write!(out, ",\"collection\":\"{:x}\"", id.0),
        None => Ok(()),
    }
}

fn marker_line(marker: &SnapshotMarker, out: &mut Vec<u8>) -> io::Result<()> {
    begin("snapshot_marker", marker.tag.vb, out)?;
    write!(out, ",\"start\":{},\"end\":{},\"flags\":{}", marker.start, marker.end, marker.flags.0)?;
    match marker.extension {
        MarkerExtension::V2_0 { max_visible, .. } => {
            write!(out, ",\"max_visible\":{max_visible}")?;
        }
        MarkerExtension::V2_2 { max_visible, purge, .. } => {
            write!(out, ",\"max_visible\":{max_visible},\"purge\":{purge}")?;
        }
        _ => {}
    }
    Ok(())
}

/// A member that is a text, or base64 under another name.
fn text(name: &str, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let Ok(text) = core::str::from_utf8(bytes) else {
        base64_text(name, bytes, out);
        return Ok(());
    };
    write!(out, ",\"{name}\":")?;
    Ok(serde_json::to_writer(out, text)?)
}

fn base64_text(name: &str, bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"_base64\":\"");
    base64::encode(bytes, out);
    out.push(b'"');
}

fn is_json(value: &[u8]) -> bool {
    let text = core::str::from_utf8(value);
    text.is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

/// The reason in the protocol's words.
pub(super) fn reason_name(reason: Option<EndReason>) -> &'static str {
    match reason {
        Some(EndReason::Ok) => "ok",
        Some(EndReason::Closed) => "closed",
        Some(EndReason::StateChanged) => "state_changed",
        Some(EndReason::Disconnected) => "disconnected",
        Some(EndReason::Slow) => "slow",
        Some(EndReason::BackfillFailed) => "backfill_failed",
        Some(EndReason::FilterEmpty) => "filter_empty",
        Some(EndReason::LostPrivileges) => "lost_privileges",
        None => "unknown",
    }
}

//! Streams that the server has no room for: which they are, whether the user was told, and for how long.

use crate::types::VbId;
use crate::wire::Status;
use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// The streams that were refused and not opened since.
#[derive(Debug)]
pub(super) struct Refusals {
    streams: BTreeMap<VbId, Refused>,
    /// How long the server may refuse and do nothing else.
    patience: Option<Duration>,
    /// Since when it does.
    since: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Refused {
    status: Status,
    /// The user knows.
    said: bool,
}

impl Refusals {
    pub(super) fn new(patience: Option<Duration>) -> Self {
        Self { streams: BTreeMap::new(), patience, since: None }
    }

    /// The stream of a vbucket was refused.
    pub(super) fn refused(&mut self, vb: VbId, status: Status, now: Instant) {
        self.since.get_or_insert(now);
        self.streams.entry(vb).or_insert(Refused { status, said: false }).status = status;
    }

    /// The stream of a vbucket was opened.
    pub(super) fn opened(&mut self, vb: VbId) {
        self.streams.remove(&vb);
        self.since = None;
    }

    /// The server sent something.
    pub(super) fn something_came(&mut self) {
        self.since = None;
    }

    /// What the user does not know yet: each stream is named once, until it is opened.
    pub(super) fn news(&mut self) -> Option<String> {
        let news = describe(self.streams.iter().filter(|(_, refused)| !refused.said));
        self.streams.values_mut().for_each(|refused| refused.said = true);
        news
    }

    /// Which streams are refused, if they are for too long: for how long.
    pub(super) fn given_up(&self, now: Instant) -> Option<(String, Duration)> {
        let (since, patience) = self.since.zip(self.patience)?;
        let time = now.saturating_duration_since(since);
        let all = describe(self.streams.iter())?;
        (time >= patience).then_some((all, time))
    }
}

/// `vbuckets 0-3, 7 with 0x86 (temporary failure) and vbucket 5 with ...`; `None` of no streams.
fn describe<'a>(streams: impl Iterator<Item = (&'a VbId, &'a Refused)>) -> Option<String> {
    let mut by_status: Vec<(Status, Vec<u16>)> = Vec::new();
    for (vb, Refused { status, .. }) in streams {
        match by_status.iter_mut().find(|(it, _)| it == status) {
            Some((_, vbs)) => vbs.push(vb.get()),
            None => by_status.push((*status, vec![vb.get()])),
        }
    }
    let parts = by_status.iter().map(|(status, vbs)| {
        let s = if vbs.len() == 1 { "" } else { "s" };
        format!("vbucket{s} {} with {status}", ranges(vbs))
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(" and "))
}

/// Numbers in order, as `0-3, 7`.
fn ranges(vbs: &[u16]) -> String {
    let mut out = String::new();
    for range in vbs.chunk_by(|a, b| a + 1 == *b) {
        let comma = if out.is_empty() { "" } else { ", " };
        // A string takes everything.
        let _ = match range {
            [first, .., last] => write!(out, "{comma}{first}-{last}"),
            [one] => write!(out, "{comma}{one}"),
            [] => Ok(()),
        };
    }
    out
}

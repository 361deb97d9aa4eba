//! From events to lines.

use super::arguments::OnRollback;
use super::judge::Judge;
use super::output::Output;
use super::plan::Plan;
use super::refusals::Refusals;
use super::render::reason_name;
use crate::cli::checkpoint::Positions;
use crate::cli::exit::{Exit, Failure};
use crate::cli::progress::TailProgress;
use crate::cli::report::Time;
use crate::client::{DcpClient, Event};
use crate::limits::FAILOVER_ENTRIES_MAX;
use crate::types::{EndReason, Seqno, VbId};
use crate::wire::Status;
use crate::wire::dcp::StreamTag;
use tokio::time::Instant;

/// Streams that are being shown.
#[derive(Debug)]
pub(super) struct Tailing {
    pub(super) client: DcpClient,
    pub(super) plan: Plan,
    pub(super) positions: Positions,
    pub(super) output: Output,
    pub(super) judge: Judge,
    pub(super) progress: TailProgress,
    pub(super) on_rollback: OnRollback,
    /// Streams that the server had no room for, to be asked for again.
    pub(super) again: Vec<VbId>,
    pub(super) refusals: Refusals,
    pub(super) seen: Seen,
}

/// What was shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Seqnos that were passed.
    pub(super) seqnos: u64,
    pub(super) documents: u64,
    /// Bytes of their keys and values.
    pub(super) bytes: u64,
}

impl Tailing {
    /// Whether anything may still come.
    pub(super) fn is_over(&self) -> bool {
        self.client.streams() == 0 && self.again.is_empty()
    }

    /// Takes in an event.
    pub(super) fn event(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::StreamOpened { tag, .. } => self.opened(*tag, event),
            Event::Rollback { tag, to } => self.rollback(*tag, *to),
            Event::StreamRefused { tag, status } => self.refused(*tag, *status),
            _ => self.of_stream(event),
        }
    }

    /// Asks again for what the server had no room for, and says so; or gives up.
    pub(super) fn ask_again(&mut self) -> Result<(), Failure> {
        let what = format!("{}: no room for the streams of", self.client.connection().peer());
        if let Some((which, time)) = self.refusals.given_up(Instant::now()) {
            let what = format!("{what} {which}; nothing else came for {}", Time(time));
            return Err(Failure::new(Exit::TimedOut, what));
        }
        if let Some(which) = self.refusals.news() {
            self.progress.say(&format!("{what} {which}: asking again"));
        }
        for vb in core::mem::take(&mut self.again) {
            self.plan.ask(vb, &mut self.client, &mut self.positions);
        }
        Ok(())
    }

    fn opened(&mut self, tag: StreamTag, event: &Event) -> Result<(), Failure> {
        if let Some(granted) = self.plan.answered(tag) {
            self.judge.granted(tag, granted);
        }
        self.refusals.opened(tag.vb);
        self.positions.update(event);
        Ok(())
    }

    fn of_stream(&mut self, event: &Event) -> Result<(), Failure> {
        self.refusals.something_came();
        self.judge.event(event)?;
        self.output.add(event)?;
        let vb = event.tag().vb;
        let before = self.positions.token(vb).seqno;
        self.positions.update(event);
        if let Event::Mutation(document) | Event::Deletion(document) | Event::Expiration(document) =
            event
        {
            self.plan.goes_well(vb);
            self.seen.documents += 1;
            self.seen.bytes += (document.key.len() + document.value.len()) as u64;
        }
        if let Some(seqno) = event.seqno() {
            self.seen.seqnos += seqno.get().saturating_sub(before.get());
        }
        match event {
            Event::StreamEnd { tag, code, reason } => self.ended(tag.vb, *code, *reason),
            _ => Ok(()),
        }
    }

    /// Goes back as the server says, and asks again from there.
    fn rollback(&mut self, tag: StreamTag, to: Seqno) -> Result<(), Failure> {
        self.plan.answered(tag);
        let vb = tag.vb;
        let was = self.positions.token(vb).seqno;
        let what = format!(
            "vbucket {vb}: the history above seqno {to} is not the one that was shown, up to {was}"
        );
        if self.on_rollback == OnRollback::Fail {
            return Err(Failure::new(Exit::Rollback, what));
        }
        if self.plan.rolled_back(vb) > ROLLBACKS_MAX {
            let what = format!(
                "vbucket {vb}: the server asks to go back again and again, last to seqno {to}"
            );
            return Err(Failure::new(Exit::Rollback, what));
        }
        self.progress.say(&format!("{what}: going back"));
        let to = self.positions.token(vb).roll_back(to);
        self.output.add(&Event::Rollback { tag, to })?;
        self.plan.ask(vb, &mut self.client, &mut self.positions);
        Ok(())
    }

    fn refused(&mut self, tag: StreamTag, status: Status) -> Result<(), Failure> {
        self.plan.answered(tag);
        if matches!(status, Status::ETMPFAIL | Status::EBUSY | Status::ENOMEM) {
            self.refusals.refused(tag.vb, status, Instant::now());
            self.again.push(tag.vb);
            return Ok(());
        }
        let (vb, peer) = (tag.vb, self.client.connection().peer());
        Err(Failure::failed(format!(
            "{peer}: the stream of vbucket {vb} was refused with {status}"
        )))
    }

    fn ended(&mut self, vb: VbId, code: u32, reason: Option<EndReason>) -> Result<(), Failure> {
        match reason {
            Some(EndReason::Ok) => Ok(()),
            Some(EndReason::Slow | EndReason::StateChanged) => {
                self.again.push(vb);
                Ok(())
            }
            _ => {
                let (peer, name) = (self.client.connection().peer(), reason_name(reason));
                let what = format!("{peer}: the stream of vbucket {vb} ended with {code} ({name})");
                Err(Failure::failed(what))
            }
        }
    }
}

/// Each time a stream goes back one branch of its history, or all the way.
const ROLLBACKS_MAX: u32 = FAILOVER_ENTRIES_MAX as u32 + 2;

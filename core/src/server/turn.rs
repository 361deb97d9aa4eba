//! A connection's turn: the requests that were received, then the streams. Nothing here waits.

use super::call::{Call, Stop};
use super::connection::Connection;
use super::dcp::OutputSink;
use super::dispatch::{self, dispatch};
use super::peer::Peer;
use super::shared::Shared;
use super::status::Refused;
use super::suspended::{Attempts, Resumed, Suspended};
use crate::engine::Session;
use crate::limits::{
    NOTED_REFUSALS_MAX, OUTPUT_BYTES_HIGH, OUTPUT_BYTES_STREAM, TURN_BYTES, TURN_REQUESTS,
};
use crate::producer::{Departure, Step};
use crate::stream::Refusal;
use crate::wire::{Aftermath, Feature, Frame, MalformedFrame, Opcode, Response, Status};
use std::sync::Arc;
use std::time::Instant;

/// How a connection goes on after one of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Next,
    Wait,
    Close,
}

impl<S> Connection<S> {
    /// Handles requests, in order, and lets the streams send, both as far as there is room.
    pub(super) fn turn(&mut self) {
        self.turned = Instant::now();
        self.more = false;
        if self.is_closing() {
            return;
        }
        if self.peer.login_by.is_some_and(|by| by <= self.turned) {
            tracing::debug!("a client did not log in in time");
            return self.close();
        }
        if !self.handle_requests() || !self.step() {
            return self.close();
        }
        if let Some(withheld) = &mut self.withheld {
            withheld.settle(&self.shared.engine, &mut self.output);
        }
    }

    /// Handles requests until none is left, one has to wait, or the turn's share is used up. False if the connection
    /// ends.
    fn handle_requests(&mut self) -> bool {
        let before = self.output.len();
        self.backlog = true;
        self.unix_now = self.shared.engine.unix_seconds();
        // One for all of them, from the first that is here.
        let shared = Arc::clone(&self.shared);
        let mut session = None;
        for _ in 0..TURN_REQUESTS {
            if !self.go_on_with_walk() || self.output.len() >= OUTPUT_BYTES_HIGH {
                return true;
            }
            if self.output.len() - before >= TURN_BYTES {
                break;
            }
            let after = match self.suspended.take().map(|s| s.resume(self.turned)) {
                Some(Resumed::Waits(suspended)) => {
                    self.suspended = Some(suspended);
                    After::Wait
                }
                Some(Resumed::Refused(frame, refused)) => self.refuse(&frame, &refused),
                Some(Resumed::Done(frame)) => {
                    let answer = Response::to(frame.header(), Status::SUCCESS);
                    answer.encode(self.output.buffer());
                    After::Next
                }
                Some(Resumed::Again(frame, attempts)) => {
                    let session = session.get_or_insert_with(|| session_of(&shared));
                    self.handle(frame, attempts, &shared, session)
                }
                None => match self.reader.next_frame() {
                    Ok(Some(frame)) => {
                        let session = session.get_or_insert_with(|| session_of(&shared));
                        self.handle(frame, Attempts::default(), &shared, session)
                    }
                    Ok(None) => {
                        self.backlog = false;
                        After::Wait
                    }
                    Err(malformed) => self.refuse_malformed(&malformed),
                },
            };
            match after {
                After::Next => {}
                After::Wait => return true,
                After::Close => return false,
            }
        }
        self.more = true;
        true
    }

    /// Handles one request.
    fn handle<'e>(
        &mut self,
        frame: Frame,
        attempts: Attempts,
        shared: &'e Shared,
        session: &mut Session<'e>,
    ) -> After {
        if let Some(producer) = &mut self.peer.dcp {
            producer.received(self.turned);
        }
        let mut call = Call {
            shared,
            session,
            peer: &mut self.peer,
            reader: &mut self.reader,
            output: &mut self.output,
            withheld: self.withheld.as_mut(),
            walk: &mut self.walk,
            frame: &frame,
            stored: attempts.stored.as_ref(),
            drawn: attempts.drawn.as_ref(),
            unix_now: self.unix_now,
        };
        let dispatched = dispatch(&mut call);
        let engine = &shared.engine;
        match dispatched {
            Ok(()) => After::Next,
            Err(Stop::Refused(refused)) => {
                note_unsupported(frame.opcode(), &refused, &mut self.peer);
                self.refuse(&frame, &refused)
            }
            Err(Stop::Close) => After::Close,
            Err(Stop::NeedsChange(change)) => {
                self.suspended = Some(Suspended::for_change(engine, frame, change));
                After::Wait
            }
            Err(Stop::NeedsStored) => {
                let collections = self.peer.has(Feature::COLLECTIONS);
                self.suspended = Some(Suspended::for_stored(engine, frame, collections, attempts));
                After::Wait
            }
            Err(Stop::NeedsDraw(of)) => {
                self.suspended = Some(Suspended::for_draw(engine, frame, of));
                After::Wait
            }
            Err(Stop::NeedsMemory) => {
                let by = self.turned + self.shared.settings.memory_timeout;
                self.suspended = Some(Suspended::for_memory(engine, frame, attempts, by));
                After::Next
            }
        }
    }

    fn refuse(&mut self, frame: &Frame, refused: &Refused) -> After {
        let (header, out) = (frame.header(), self.output.buffer());
        if refused.status == Status::NOT_MY_VBUCKET && self.peer.bucket_selected {
            // What the client knew of the map was wrong, or too old.
            let answer = Response::to(header, refused.status);
            let map = self.shared.map();
            let (datatype, text) = map.bucket.shown(&self.peer);
            answer.value(datatype, text).encode(out);
        } else {
            refused.encode(header, self.peer.json(), out);
        }
        After::Next
    }

    /// Answers a request that was refused on its header.
    fn refuse_malformed(&mut self, malformed: &MalformedFrame) -> After {
        let MalformedFrame { header, error, aftermath } = malformed;
        tracing::debug!(%error, "a client sent a malformed message");
        if *aftermath == Aftermath::Close {
            return After::Close;
        }
        if let Some(producer) = &mut self.peer.dcp {
            producer.received(self.turned);
        }
        let refused = dispatch::refusal(header.opcode, *error, &self.peer);
        note_unsupported(header.opcode, &refused, &mut self.peer);
        refused.encode(header, self.peer.json(), self.output.buffer());
        match aftermath {
            Aftermath::AnswerAndGoOn => After::Next,
            Aftermath::AnswerAndClose | Aftermath::Close => After::Close,
        }
    }

    /// Tells more of a list of statistics. False while it is not at its end.
    fn go_on_with_walk(&mut self) -> bool {
        let Some(walk) = &mut self.walk else { return true };
        let room = OUTPUT_BYTES_HIGH.saturating_sub(self.output.len());
        let out = self.output.buffer();
        let mark = out.len() + room;
        let is_over = walk.go_on(&self.shared, out, mark);
        if is_over {
            self.walk = None;
        }
        is_over
    }

    /// Lets the streams send. False if the connection is over.
    fn step(&mut self) -> bool {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= self.turned);
        let wants_events = self.wants_events();
        let datatypes = self.peer.datatypes();
        let Some(producer) = &mut self.peer.dcp else { return true };
        if !wants_events && !due(producer.deadline()) {
            return true;
        }
        let layout = producer.layout();
        let mut sink = OutputSink::new(&mut self.output, OUTPUT_BYTES_STREAM, layout, datatypes);
        match producer.step(self.turned, &mut sink) {
            Step::Idle | Step::Full => true,
            Step::Gone(departure) => {
                let why = match departure {
                    Departure::Closed => "closed by the server",
                    Departure::Idle => "the client said nothing for too long",
                    Departure::Stuck => "the client acknowledged nothing for too long",
                };
                tracing::info!(name = producer.name(), why, "a DCP connection is ended");
                false
            }
        }
    }
}

/// A session for what was received at once.
fn session_of(shared: &Shared) -> Session<'_> {
    let mut session = shared.engine.session("server");
    session.stop_clock();
    session
}

/// Notes that a client wants what is not built: each command and each thing that it wants of it once for each
/// connection, since it will ask again. Whether it was noted.
fn note_unsupported(opcode: Opcode, refused: &Refused, peer: &mut Peer) -> bool {
    let unsupported = [Status::NOT_SUPPORTED, Status::UNKNOWN_COMMAND, Status::UNKNOWN_FRAME_INFO];
    let why = refused.why();
    let known = |(noted, what): &(Opcode, String)| *noted == opcode && what == why;
    if !unsupported.contains(&refused.status)
        // Built, and right to be asked for once no-ops are on.
        || why == Refusal::NoopRequired.to_string()
        || peer.unsupported.len() >= NOTED_REFUSALS_MAX
        || peer.unsupported.iter().any(known)
    {
        return false;
    }
    peer.unsupported.push((opcode, why.to_owned()));
    tracing::info!(%opcode, why, "a client asked for something that is not built");
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_is_noted_once_for_each_thing() {
        let mut peer = Peer::new(None);
        let subdoc = Refused::from(Status::UNKNOWN_COMMAND);
        let takeover = Refused::new(Status::NOT_SUPPORTED, "takeover");
        let cache = Refused::new(Status::NOT_SUPPORTED, "cache transfer");
        let mut note = |opcode, refused: &Refused| note_unsupported(opcode, refused, &mut peer);
        assert!(note(Opcode::SUBDOC_MULTI_LOOKUP, &subdoc));
        assert!(note(Opcode::SUBDOC_MULTI_MUTATION, &subdoc));
        assert!(note(Opcode::DCP_STREAM_REQ, &takeover));
        assert!(note(Opcode::DCP_STREAM_REQ, &cache));
        assert!(!note(Opcode::SUBDOC_MULTI_LOOKUP, &subdoc));
        assert!(!note(Opcode::DCP_STREAM_REQ, &takeover));
        assert!(!note(Opcode::GET, &Refused::from(Status::KEY_ENOENT)), "an answer like others");
    }

    #[test]
    fn notes_have_an_end() {
        let mut peer = Peer::new(None);
        let mut of = |n: usize| {
            let refused = Refused::new(Status::NOT_SUPPORTED, n.to_string());
            note_unsupported(Opcode::DCP_CONTROL, &refused, &mut peer)
        };
        assert!((0..NOTED_REFUSALS_MAX).all(&mut of));
        assert!(!of(NOTED_REFUSALS_MAX));
    }
}

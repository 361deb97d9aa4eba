//! What a client asks of its connection: streams, their end, controls.

use super::control::{Control, ControlRefusal, Controls, Negotiated};
use super::members::home;
use super::owner::{OwnedStream, Producer};
use super::stream_reports::{Asked, StreamReport};
use crate::limits::UNTOLD_ENDS_MAX;
use crate::partition::{Partition, Room};
use crate::stream::{
    Accepted, ActiveStream, Built, Claimed, ConnectionFacts, Facts, FilterHigh, FilterKind, Killed,
    Memory, PurgeTest, RawFilter, Refusal, StreamFilter, StreamFlags, StreamName, StreamRange,
    StreamRequest, StreamState, VbFacts, check, resolve,
};
use crate::types::{EndReason, FailoverEntry, Opaque, Seqno, Sid, VbId};
use millstream_reclaim::Pin;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{Ordering, fence};

/// A stream was accepted: the failover log of its vbucket, newest first, which the client stores.
pub type RequestOutcome = core::result::Result<Vec<FailoverEntry>, Refusal>;

/// What came of a request to close a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseOutcome {
    /// It is closed.
    Closed,
    /// There is no such stream, or it has ended.
    NoSuchStream,
    /// No stream of the vbucket has this id, though there are or were streams of it.
    NoSuchStreamId,
    /// The connection's streams have ids, and none was given.
    StreamIdRequired,
    /// The connection's streams have no ids, and one was given.
    StreamIdNotEnabled,
}

/// The stream flags that have an effect here; the others are refused.
const BUILT: Built = Built {
    flags: StreamFlags::DISK_ONLY
        .union(StreamFlags::TO_LATEST)
        .union(StreamFlags::ACTIVE_VB_ONLY)
        .union(StreamFlags::STRICT_VB_UUID)
        .union(StreamFlags::FROM_LATEST)
        .union(StreamFlags::IGNORE_PURGED_TOMBSTONES),
};

impl Producer {
    /// Opens a stream. Its events carry `opaque`; the first comes with a later [`step`](Self::step), so that the
    /// answer to the request can go out before it.
    ///
    /// # Errors
    /// The first of the ordered checks that fails.
    pub fn stream_request(
        &mut self,
        vb: VbId,
        opaque: Opaque,
        request: &StreamRequest,
    ) -> RequestOutcome {
        let engine = Arc::clone(&self.engine);
        let mut reader = engine.domain.borrow("stream request");
        let pin = reader.pin();
        let Some(partition) = engine.partition(vb) else {
            return Err(self.refuse_without_vbucket(request));
        };
        let info = partition.info(&pin);
        let (version, failover) = (info.version, info.failover.clone());
        if info.held {
            return Err(Refusal::NotStreamable(info.state));
        }
        let high = partition.high(&pin);
        let manifest = engine.manifest(&pin);
        let kind = resolve(request.filter.as_ref(), &manifest);
        let named = request.filter.as_ref().map_or(&[][..], RawFilter::ids);
        let filter = kind.map(|kind| StreamFilter::new(kind, named, &manifest));
        let filter_high = match &filter {
            Ok(StreamFilter::Legacy) | Err(_) => FilterHigh::Vbucket,
            Ok(filter) => {
                filter.high(partition, &pin).map_or(FilterHigh::Vbucket, FilterHigh::Collections)
            }
        };
        let facts = Facts {
            built: BUILT,
            connection: self.facts(),
            vb: Some(VbFacts {
                state: info.state,
                high,
                persisted: partition.history(&pin).stored(),
                purge: partition.history(&pin).purge_seqno(),
                failover: &failover,
                in_first_disk_snapshot: false,
                live_stream: self.is_live(vb, request.sid),
            }),
            filter: kind,
            filter_high,
            memory: match engine.pressure.room() {
                Room::Enough => Memory::Enough,
                Room::Short => Memory::Short,
                Room::Exhausted => Memory::Exhausted,
            },
        };
        let accepted = check(request, &facts)?;
        if self.ends.len() >= UNTOLD_ENDS_MAX {
            return Err(Refusal::EndsUntold);
        }
        gate!(RequestChecked);
        if let Some(member) = self.member_of(vb, accepted.sid) {
            self.retire_dead(member);
        }
        let name = StreamName { vb, sid: accepted.sid, opaque };
        let filter = filter.map_err(Refusal::Filter)?;
        self.insert(name, filter, &accepted, partition, version, &pin)?;
        Ok(failover.entries().to_vec())
    }

    /// Closes a stream, by its id if the connection's streams have such. Whether its end is told depends on what the
    /// client asked for by control.
    pub fn close_stream(&mut self, vb: VbId, sid: Option<Sid>) -> CloseOutcome {
        match (sid, self.controls.stream_ids()) {
            (None, true) => return CloseOutcome::StreamIdRequired,
            (Some(_), false) => return CloseOutcome::StreamIdNotEnabled,
            _ => {}
        }
        let connection = &self.connection;
        let Some(member) = self.member_of(vb, sid) else {
            // The first stream of a vbucket is at home, so that one was there if any was.
            let known = self.engine.partition(vb).is_some()
                && connection.streams.slot(home(vb)).is_some_and(|slot| slot.word.opened() > 0);
            return if known { CloseOutcome::NoSuchStreamId } else { CloseOutcome::NoSuchStream };
        };
        let killed = connection.streams.slot(member).map(|slot| slot.word.kill(EndReason::Closed));
        if killed != Some(Killed::First) {
            return CloseOutcome::NoSuchStream;
        }
        if self.controls.stream_end_on_client_close() {
            connection.ready.mark(member);
        } else {
            self.retire_dead(member);
        }
        CloseOutcome::Closed
    }

    /// Applies a control.
    ///
    /// # Errors
    /// Why it is refused; nothing has changed then.
    pub fn control(&mut self, control: Control) -> core::result::Result<(), ControlRefusal> {
        let facts = Negotiated {
            snappy: self.options.snappy,
            collections: self.options.collections,
            deleted_user_xattrs: self.options.include_deleted_user_xattrs,
            ..Negotiated::NOTHING
        };
        self.controls.apply(control, &facts)?;
        self.noop.set_enabled(self.controls.noop());
        self.noop.set_interval(self.controls.noop_interval());
        let window = u64::from(self.controls.connection_buffer_size());
        if window != self.connection.window.max() {
            // The owner steps after it has read its input, so that nobody needs to be woken.
            let _ = self.connection.window.resize(window);
        }
        let order = self.controls.backfill_order();
        let mut reader = self.engine.domain.borrow("control");
        self.connection.backfills.set_order(order, &reader.pin());
        self.report();
        Ok(())
    }

    /// The settings as they are now.
    #[must_use]
    pub fn controls(&self) -> &Controls {
        &self.controls
    }

    fn facts(&self) -> ConnectionFacts {
        ConnectionFacts {
            closed: self.connection.is_closed(),
            collections: self.options.collections,
            xattrs: self.options.include_xattrs,
            noop: self.noop.is_enabled(),
            noop_mandatory: true,
            stream_ids: self.controls.stream_ids(),
            sync_replication: false,
        }
    }

    /// What is in the way first when there is no such vbucket.
    fn refuse_without_vbucket(&self, request: &StreamRequest) -> Refusal {
        let facts = Facts {
            built: BUILT,
            connection: self.facts(),
            vb: None,
            filter: Ok(FilterKind::Passthrough),
            filter_high: FilterHigh::Vbucket,
            memory: Memory::Enough,
        };
        check(request, &facts).err().unwrap_or(Refusal::NoSuchVbucket)
    }

    /// The slot of the connection's stream of that vbucket and id, if it has or may have one.
    fn member_of(&self, vb: VbId, sid: Option<Sid>) -> Option<usize> {
        match sid {
            Some(sid) => self.members.of(vb, sid),
            None => self.engine.partition(vb).map(|_| home(vb)),
        }
    }

    /// Whether such a stream lives.
    fn is_live(&self, vb: VbId, sid: Option<Sid>) -> bool {
        let slot = self.member_of(vb, sid).and_then(|member| self.connection.streams.slot(member));
        slot.is_some_and(|slot| {
            !matches!(slot.word.load(), StreamState::Free | StreamState::Dead(_))
        })
    }

    /// A slot for a stream that has none: the vbucket's own, or a further one if that is taken and the stream has an
    /// id.
    fn choose_member(&mut self, name: StreamName) -> core::result::Result<usize, Refusal> {
        let at_home = home(name.vb);
        let taken = self.streams.get(at_home).is_some_and(Option::is_some);
        if name.sid.is_none() || !taken {
            return Ok(at_home);
        }
        if let Some(member) = self.members.reuse(name.vb) {
            return Ok(member);
        }
        let connection = &self.connection;
        let member = connection.streams.further(self.members.further());
        let member = member.ok_or(Refusal::TooManyStreams)?;
        if !connection.ready.grow_to(member) {
            return Err(Refusal::TooManyStreams);
        }
        connection.streams.further_slot(member, name.vb).ok_or(Refusal::Closed)?;
        self.members.made_further();
        Ok(member)
    }

    /// Takes a slot, then looks whether the vbucket changed its state meanwhile: whoever changes it publishes the
    /// new state first and looks for streams then, so that one of the two sees the other.
    fn insert(
        &mut self,
        name: StreamName,
        filter: StreamFilter,
        accepted: &Accepted,
        partition: &Partition,
        version: u64,
        pin: &Pin<'_>,
    ) -> core::result::Result<(), Refusal> {
        let member = self.choose_member(name)?;
        let connection = Arc::clone(&self.connection);
        let slot = connection.streams.slot_for_open(member).ok_or(Refusal::Closed)?;
        slot.rename(name.vb, name.sid);
        match slot.word.claim() {
            Claimed::Opened(_) => {}
            Claimed::Busy => return Err(Refusal::StreamExists),
            Claimed::Closed => return Err(Refusal::Closed),
        }
        gate!(RequestClaimed);
        // F1 SeqCst fence: if the changer's is first, we see the new version; if ours is first, it sees the stream.
        fence(Ordering::SeqCst);
        if partition.info(pin).version != version {
            let _ = slot.word.kill(EndReason::StateChanged);
            slot.word.release();
            self.members.leave(name.vb, None, member);
            return Err(Refusal::NotStreamable(partition.info(pin).state));
        }
        gate!(RequestValidated);
        slot.open(accepted.start);
        if accepted.born_dead {
            let _ = slot.word.kill(EndReason::Ok);
        }
        if self.streams.len() <= member {
            self.streams.resize_with(member + 1, || None);
            self.queued.resize(member + 1, false);
        }
        let range = StreamRange {
            skip_deletes: self.options.skip_deletes_in_initial_backfill
                && accepted.start == Seqno::ZERO
                && filter.is_aware(),
            ..range_of(accepted)
        };
        let report = StreamReport::new(name, asked(accepted), &filter);
        let report = self.engine.stream_reports.open(connection.id, member, report);
        let stream = ActiveStream::new(name, range, filter, &connection.ready, member);
        self.streams[member] = Some(Box::new(OwnedStream { stream, report }));
        self.stream_count += 1;
        if let Some(sid) = name.sid {
            self.members.name(name.vb, sid, member);
        }
        partition.waiters.enter();
        connection.ready.mark(member);
        Ok(())
    }

    /// Makes room where a dead stream is: its end is told first if the client has not heard of it.
    fn retire_dead(&mut self, member: usize) {
        let Some(slot) = self.connection.streams.slot(member) else { return };
        let StreamState::Dead(reason) = slot.word.load() else { return };
        let Some(name) = self.let_go(member) else { return };
        if self.tells(reason) {
            self.ends.push_back((name, reason));
        }
    }

    /// Frees a dead stream's slot; the stream's name.
    pub(super) fn let_go(&mut self, member: usize) -> Option<StreamName> {
        let name = self.streams.get_mut(member)?.take()?.stream.name;
        self.stream_count -= 1;
        self.members.leave(name.vb, name.sid, member);
        self.forget(member, name.vb);
        if let Some(slot) = self.connection.streams.slot(member) {
            slot.word.release();
        }
        Some(name)
    }

    /// Whether the client is told that a stream ended for this reason.
    pub(super) fn tells(&self, reason: EndReason) -> bool {
        match reason {
            EndReason::Disconnected => false,
            EndReason::Closed => self.controls.stream_end_on_client_close(),
            _ => true,
        }
    }

    /// The reason as the client is told it: one that does not know of collections knows no reason that came with them.
    pub(super) fn told_reason(&self, reason: EndReason) -> EndReason {
        match reason {
            EndReason::FilterEmpty | EndReason::LostPrivileges if !self.options.collections => {
                EndReason::Ok
            }
            _ => reason,
        }
    }

    /// The stream of that slot is gone, which was of that vbucket.
    fn forget(&self, member: usize, vb: VbId) {
        self.engine.stream_reports.close(self.connection.id, member);
        if let Some(partition) = self.engine.partition(vb) {
            partition.waiters.leave();
        }
        // What the stream left in its backfill manager is swept out now.
        self.connection.backfills.kick(member);
    }
}

fn asked(accepted: &Accepted) -> Asked {
    let Accepted { flags, start, end, uuid, snap_start, snap_end, .. } = *accepted;
    Asked { flags: flags.bits(), start, end, uuid, snap_start, snap_end }
}

/// What the stream of a granted request sends.
fn range_of(accepted: &Accepted) -> StreamRange {
    // A client that has nothing of its snapshot yet is as good as between two.
    let begun = accepted.start > accepted.snap_start;
    StreamRange {
        start: accepted.start,
        end: accepted.end,
        snapshot_end: if begun { accepted.snap_end } else { accepted.start },
        purge: PurgeTest {
            ignored: accepted.flags.contains(StreamFlags::IGNORE_PURGED_TOMBSTONES),
            known: accepted.client_purge.unwrap_or(Seqno::ZERO),
        },
        disk_only: accepted.flags.contains(StreamFlags::DISK_ONLY),
        skip_deletes: false,
    }
}

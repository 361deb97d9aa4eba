//! What an engine tells of itself. Nothing here waits, and every stage of a teardown answers.

use super::parts::EngineParts;
use crate::backfill::BackfillCounts;
use crate::conn::{Connection, ConnectionSettings};
use crate::partition::{History, Partition};
use crate::producer::{Asked, FilterReport, Pauses, StreamCounts, StreamReport, StuckWatch};
use crate::stream::{StreamName, StreamState};
use crate::types::{Cas, Seqno, Sid, VbId, VbState, VbUuid};
use millstream_reclaim::Pin;
use millstream_reclaim::sync::atomic::Ordering;
use std::time::Instant;

/// One vbucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VbucketStats {
    /// Its state.
    pub state: VbState,
    /// Its newest branch.
    pub uuid: VbUuid,
    /// The end of what is committed in memory.
    pub high: Seqno,
    /// The end of what is synced in the store.
    pub persisted: Seqno,
    /// The highest seqno of a purged tombstone.
    pub purge: Seqno,
    /// The highest CAS.
    pub cas_max: Cas,
    /// Documents that are alive.
    pub items: u64,
    /// Those of them whose values only the store has.
    pub cold_items: u64,
    /// The first seqno that is in memory.
    pub log_floor: Seqno,
    /// Bytes of the log in memory.
    pub log_bytes: u64,
    /// Bytes of the by-key index.
    pub index_bytes: u64,
}

/// The vbuckets of one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateStats {
    /// How many there are.
    pub vbuckets: u64,
    /// Documents in them that are alive.
    pub items: u64,
    /// Those of them whose values only the store has.
    pub cold_items: u64,
}

/// Counts over the whole engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineStats {
    /// Documents that are alive, in vbuckets of every state.
    pub items: u64,
    /// Vbuckets that are active.
    pub active: StateStats,
    /// Replicas.
    pub replica: StateStats,
    /// Vbuckets that are pending.
    pub pending: StateStats,
    /// Dead vbuckets.
    pub dead: StateStats,
    /// Bytes in memory, and how many there may be.
    pub memory_bytes: u64,
    /// The budget for them.
    pub memory_budget: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Connections.
    pub connections: usize,
    /// Commits that the store took.
    pub commits: u64,
    /// Versions in them.
    pub committed_items: u64,
    /// Seqnos in memory that the store does not have yet: an upper bound of the versions that wait.
    pub unpersisted: u64,
    /// Commits that the store refused (each is tried again).
    pub commit_failures: u64,
    /// The last error that had no caller to go to.
    pub last_error: Option<String>,
    /// Documents that expired.
    pub expired: u64,
    /// Tombstones that were purged.
    pub purged: u64,
    /// Scans of the store that are open.
    pub backfills: usize,
    /// How many there may be.
    pub backfills_max: usize,
    /// What waits for reclamation, as `garbage_max` counts it: retired values, and plain memory in batches.
    pub garbage: u64,
    /// How much of it is plain memory: meta data of versions that were replaced.
    pub garbage_plain: u64,
    /// Plain memory that was given back so far, in batches.
    pub freed_plain: u64,
    /// Retired values that were destroyed.
    pub destroyed: u64,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionSnapshot {
    /// Its number in this engine.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Who opened it, if that is known.
    pub user: Option<String>,
    /// When it was opened.
    pub created: Instant,
    /// When the last message was sent.
    pub last_sent: Option<Instant>,
    /// When something last came from the client.
    pub last_received: Instant,
    /// What its client asked for.
    pub settings: ConnectionSettings,
    /// Whether a no-op is unanswered.
    pub noop_pending: bool,
    /// Why it sent nothing, and how long.
    pub pauses: Pauses,
    /// The watch on a client that acknowledges nothing.
    pub stuck: StuckWatch,
    /// Streams that are marked ready.
    pub ready: usize,
    /// Whether it was closed and its owner has not let go yet.
    pub pending_disconnect: bool,
    /// Documents sent.
    pub items_sent: u64,
    /// Bytes sent, as the window counts them.
    pub bytes_sent: u64,
    /// What they had been if no value was compressed.
    pub uncompressed_bytes_sent: u64,
    /// The flow-control window; 0: off.
    pub max_buffer_bytes: u64,
    /// Bytes sent and not acknowledged.
    pub unacked_bytes: u64,
    /// Bytes acknowledged.
    pub total_acked_bytes: u64,
    /// Its backfills; `None` once it is closed.
    pub backfills: Option<BackfillSnapshot>,
    /// Its streams.
    pub streams: Vec<StreamSnapshot>,
}

/// A connection's backfills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackfillSnapshot {
    /// Bytes read and not sent.
    pub buffer_bytes: u64,
    /// How many there may be.
    pub buffer_bytes_max: u64,
    /// Whether reading has stopped until some are sent.
    pub buffer_full: bool,
    /// Admitted and not yet open.
    pub initializing: usize,
    /// Open.
    pub active: usize,
    /// Over a limit.
    pub pending: usize,
    /// One after the other, rather than in turn.
    pub sequential: bool,
}

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamSnapshot {
    /// Its vbucket.
    pub vb: VbId,
    /// Its id, on connections whose streams have such.
    pub sid: Option<Sid>,
    /// Where it is in its life.
    pub state: StreamState,
    /// The last seqno sent.
    pub last_sent: Seqno,
    /// The end of the last snapshot announced.
    pub snapshot_end: Seqno,
    /// Whether it is marked ready.
    pub ready: bool,
    /// What it was asked for, and what it did; `None` at the moment when it comes or goes.
    pub details: Option<StreamDetails>,
}

/// What a stream was asked for, and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamDetails {
    /// Vbucket, stream id and opaque.
    pub name: StreamName,
    /// What it was asked for.
    pub asked: Asked,
    /// What it shows.
    pub filter: FilterReport,
    /// What it did.
    pub counts: StreamCounts,
    /// How many seqnos it has yet to read: at most so many items, since of a key only the newest version is sent, and
    /// only what its filter shows.
    pub remaining: u64,
}

impl ConnectionSnapshot {
    /// Seqnos that its streams have yet to read; see [`StreamDetails::remaining`].
    #[must_use]
    pub fn items_remaining(&self) -> u64 {
        self.streams
            .iter()
            .filter_map(|stream| stream.details.as_ref())
            .map(|it| it.remaining)
            .sum()
    }
}

pub(super) fn vbucket(partition: &Partition, pin: &Pin<'_>) -> Option<VbucketStats> {
    let info = partition.info(pin);
    let (log_bytes, index_bytes) = partition.memory(pin);
    let history = partition.history(pin);
    // Before the end in memory, which it never passes.
    let persisted = history.stored();
    let high = history.high(pin);
    Some(VbucketStats {
        state: info.state,
        uuid: info.failover.newest().uuid,
        high,
        persisted,
        purge: history.purge_seqno(),
        cas_max: partition.cas_max(),
        items: history.alive(),
        cold_items: history.cold(),
        log_floor: history.log.floor(),
        log_bytes,
        index_bytes,
    })
}

pub(super) fn engine(parts: &EngineParts, pin: &Pin<'_>) -> EngineStats {
    let domain = parts.domain.stats();
    let counters = &parts.counters;
    // O1 Relaxed: statistics.
    let read =
        |counter: &millstream_reclaim::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let [active, replica, pending, dead] = by_state(parts, pin);
    EngineStats {
        items: [active, replica, pending, dead].iter().map(|state| state.items).sum(),
        active,
        replica,
        pending,
        dead,
        memory_bytes: parts.partitions.iter().map(|p| p.memory(pin)).map(|(l, i)| l + i).sum(),
        memory_budget: parts.pressure.budget(),
        disk_bytes: parts.store.disk_bytes(),
        connections: parts.connections.len(pin),
        commits: read(&counters.commits),
        committed_items: read(&counters.committed_items),
        unpersisted: parts.partitions.iter().map(|p| unpersisted(&p.history(pin), pin)).sum(),
        commit_failures: read(&counters.commit_failures),
        last_error: parts.workers.last_error(),
        expired: read(&counters.expired),
        purged: read(&counters.purged),
        backfills: parts.gate.running(),
        backfills_max: parts.settings.backfills_max,
        garbage: domain.pending + domain.plain_pending,
        garbage_plain: domain.plain_pending,
        freed_plain: domain.plain_freed_total,
        destroyed: domain.destroyed_total,
    }
}

impl StateStats {
    /// Of a hundred documents, so many are in memory; all of them if there is none.
    #[must_use]
    pub fn resident_percent(&self) -> f64 {
        if self.items == 0 {
            return 100.0;
        }
        let resident = self.items.saturating_sub(self.cold_items);
        100.0 * resident as f64 / self.items as f64
    }
}

/// Active vbuckets, replicas, pending and dead ones.
fn by_state(parts: &EngineParts, pin: &Pin<'_>) -> [StateStats; 4] {
    let mut states = [StateStats::default(); 4];
    for partition in &parts.partitions {
        let of_state = match partition.info(pin).state {
            VbState::Active => &mut states[0],
            VbState::Replica => &mut states[1],
            VbState::Pending => &mut states[2],
            VbState::Dead => &mut states[3],
        };
        let history = partition.history(pin);
        of_state.vbuckets += 1;
        of_state.items += history.alive();
        of_state.cold_items += history.cold();
    }
    states
}

fn unpersisted(history: &History, pin: &Pin<'_>) -> u64 {
    // Before the end in memory, which it never passes.
    let stored = history.stored();
    history.high(pin).0.saturating_sub(stored.0)
}

pub(super) fn connections(parts: &EngineParts, pin: &Pin<'_>) -> Vec<ConnectionSnapshot> {
    let mut all = Vec::new();
    parts.connections.for_each(pin, |c| all.push(connection(parts, c, pin)));
    all
}

fn connection(parts: &EngineParts, connection: &Connection, pin: &Pin<'_>) -> ConnectionSnapshot {
    let mut streams = Vec::new();
    connection.streams.for_each(|member, slot| {
        let state = slot.word.load();
        if state == StreamState::Free {
            return;
        }
        let (vb, sid) = slot.name();
        let (last_sent, snapshot_end) = slot.progress();
        let report = parts.stream_reports.get(connection.id, member);
        let details = report.map(|report| details(parts, &report, state, pin));
        let ready = connection.ready.is_marked(member);
        streams.push(StreamSnapshot { vb, sid, state, last_sent, snapshot_end, ready, details });
    });
    let window = &connection.window;
    let report = &connection.report;
    let (items_sent, bytes_sent) = report.sent();
    ConnectionSnapshot {
        id: connection.id,
        name: connection.name.to_string(),
        user: report.user.as_deref().map(str::to_owned),
        created: report.created,
        last_sent: report.last_sent(),
        last_received: report.last_received(),
        settings: report.settings(),
        noop_pending: report.noop_pending(),
        pauses: report.pauses(),
        stuck: report.stuck(),
        ready: streams.iter().filter(|stream| stream.ready).count(),
        pending_disconnect: connection.is_closed(),
        items_sent,
        bytes_sent,
        uncompressed_bytes_sent: report.uncompressed_bytes(),
        max_buffer_bytes: window.max(),
        unacked_bytes: window.outstanding(),
        total_acked_bytes: window.acked_total(),
        backfills: connection.backfills.counts(pin).map(|lanes| {
            let BackfillCounts { initializing, active, pending } = lanes.counts;
            BackfillSnapshot {
                buffer_bytes: lanes.buffer_bytes,
                buffer_bytes_max: lanes.buffer_bytes_max,
                buffer_full: lanes.buffer_full,
                initializing,
                active,
                pending,
                sequential: lanes.sequential,
            }
        }),
        streams,
    }
}

fn details(
    parts: &EngineParts,
    report: &StreamReport,
    state: StreamState,
    pin: &Pin<'_>,
) -> StreamDetails {
    let counts = report.counts();
    let high = parts.partition(report.name.vb).map_or(Seqno::ZERO, |partition| partition.high(pin));
    let remaining = match state {
        StreamState::Dead(_) => 0,
        _ => high.min(report.asked.end).0.saturating_sub(counts.last_read.0),
    };
    let (name, asked, filter) = (report.name, report.asked, report.filter());
    StreamDetails { name, asked, filter, counts, remaining }
}

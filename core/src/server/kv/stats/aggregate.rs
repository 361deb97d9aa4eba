//! DCP connections summed up by the beginning of their names.

use super::walk::Entries;
use crate::engine::ConnectionSnapshot;
use crate::producer::PauseReason;
use crate::stream::StreamState;
use std::collections::BTreeMap;

/// What ends the beginning of a name unless the client says otherwise.
pub(super) const SEPARATOR: &str = ":";

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    connections: u64,
    streams: u64,
    items_sent: u64,
    bytes_sent: u64,
    uncompressed_bytes_sent: u64,
    items_remaining: u64,
    unacked_bytes: u64,
    paused: u64,
    unpaused: u64,
    from_disk: u64,
}

/// The sums of each group, then of all connections.
pub(super) fn tell(connections: &[ConnectionSnapshot], separator: &str, entries: &mut Entries<'_>) {
    let mut groups: BTreeMap<&str, Sums> = BTreeMap::new();
    let mut total = Sums::default();
    for connection in connections {
        total.add(connection);
        groups.entry(group_of(&connection.name, separator)).or_default().add(connection);
    }
    for (beginning, sums) in groups {
        sums.tell(beginning, separator, entries);
    }
    // What tools look for: a group of the empty name.
    total.tell(&format!("{separator}total"), separator, entries);
}

/// What a connection is summed up under: the agent of a name that is JSON, the beginning of one with a separator, else
/// a group for all the rest.
fn group_of<'n>(name: &'n str, separator: &str) -> &'n str {
    if name.starts_with('"')
        && let Some((_, agent)) = name.split_once("\"a\":\"")
    {
        return agent.split(['"', '/']).next().unwrap_or(agent);
    }
    name.split_once(separator).map_or("_unknown", |(beginning, _)| beginning)
}

impl Sums {
    fn add(&mut self, connection: &ConnectionSnapshot) {
        let alive = |state: &StreamState| !matches!(state, StreamState::Dead(_));
        self.connections += 1;
        self.streams += connection.streams.iter().filter(|s| alive(&s.state)).count() as u64;
        self.items_sent += connection.items_sent;
        self.bytes_sent += connection.bytes_sent;
        self.uncompressed_bytes_sent += connection.uncompressed_bytes_sent;
        self.items_remaining += connection.items_remaining();
        self.unacked_bytes += connection.unacked_bytes;
        self.paused += connection.pauses.windows_full();
        self.unpaused += connection.pauses.past(PauseReason::WindowFull).count;
        self.from_disk += items_from_disk(connection);
    }

    fn tell(self, group: &str, separator: &str, entries: &mut Entries<'_>) {
        let mut put = |name: &str, value: u64| {
            entries.put(format_args!("{group}{separator}{name}"), value);
        };
        put("count", self.connections);
        put("backoff", 0);
        put("producer_count", self.connections);
        put("consumer_count", 0);
        put("activestream_count", self.streams);
        put("items_sent", self.items_sent);
        put("items_remaining", self.items_remaining);
        put("items_backfilled_disk", self.from_disk);
        put("items_backfilled_memory", 0);
        put("total_bytes", self.bytes_sent);
        put("total_uncompressed_data_size", self.uncompressed_bytes_sent);
        put("unacked_bytes", self.unacked_bytes);
        // Streams are read from when they are sent; nothing is queued.
        put("ready_queue_bytes", 0);
        put("paused_count", self.paused);
        put("unpaused_count", self.unpaused);
    }
}

/// What the backfills of its streams have read.
pub(super) fn items_from_disk(connection: &ConnectionSnapshot) -> u64 {
    let details = connection.streams.iter().filter_map(|stream| stream.details.as_ref());
    details.map(|details| details.counts.backfill_items).sum()
}

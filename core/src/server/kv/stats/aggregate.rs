//! DCP connections summed up by the beginning of their names.

use super::walk::Entries;
use crate::engine::ConnectionSnapshot;
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
    unacked_bytes: u64,
}

/// The sums of each beginning, then of all connections; those without a separator are in the latter only.
pub(super) fn tell(connections: &[ConnectionSnapshot], separator: &str, entries: &mut Entries<'_>) {
    let mut groups: BTreeMap<&str, Sums> = BTreeMap::new();
    let mut total = Sums::default();
    for connection in connections {
        total.add(connection);
        if let Some((beginning, _)) = connection.name.split_once(separator) {
            groups.entry(beginning).or_default().add(connection);
        }
    }
    for (beginning, sums) in groups {
        sums.tell(beginning, separator, entries);
    }
    // What tools look for: a group of the empty name.
    total.tell(&format!("{separator}total"), separator, entries);
}

impl Sums {
    fn add(&mut self, connection: &ConnectionSnapshot) {
        let alive = |state: &StreamState| !matches!(state, StreamState::Dead(_));
        self.connections += 1;
        self.streams += connection.streams.iter().filter(|s| alive(&s.state)).count() as u64;
        self.items_sent += connection.items_sent;
        self.bytes_sent += connection.bytes_sent;
        self.unacked_bytes += connection.unacked_bytes;
    }

    fn tell(self, group: &str, separator: &str, entries: &mut Entries<'_>) {
        let mut put = |name: &str, value: u64| {
            entries.put(format_args!("{group}{separator}{name}"), value);
        };
        put("count", self.connections);
        put("producer_count", self.connections);
        put("activestream_count", self.streams);
        put("items_sent", self.items_sent);
        put("total_bytes", self.bytes_sent);
        put("unacked_bytes", self.unacked_bytes);
    }
}

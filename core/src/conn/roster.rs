//! An immutable list of connections in chunks: adding or removing one copies a chunk and the list of chunks, so
//! that ten thousand connections cost each other little.

use super::connection::Connection;
use millstream_reclaim::sync::Arc;

const CHUNK: usize = 64;

type Chunk = Arc<Vec<Arc<Connection>>>;

/// All connections at one moment, by rising id.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    chunks: Vec<Chunk>,
    pub(super) closed: bool,
}

impl Roster {
    /// The same with one more. Ids are given out in order, but who is added first is not: it goes where it belongs.
    pub(super) fn with(&self, connection: &Arc<Connection>) -> Self {
        let mut roster = self.clone();
        let last = roster.chunks.len().saturating_sub(1);
        let at = self.chunk_of(connection.id).min(last);
        let Some(chunk) = roster.chunks.get_mut(at) else {
            roster.chunks.push(Arc::new(vec![Arc::clone(connection)]));
            return roster;
        };
        let mut grown = Vec::clone(chunk);
        let place = grown.partition_point(|other| other.id < connection.id);
        grown.insert(place, Arc::clone(connection));
        let upper = (grown.len() > CHUNK).then(|| grown.split_off(CHUNK / 2));
        *chunk = Arc::new(grown);
        if let Some(upper) = upper {
            roster.chunks.insert(at + 1, Arc::new(upper));
        }
        roster
    }

    /// The first chunk that may hold that id.
    fn chunk_of(&self, id: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|c| c.id < id))
    }

    /// The same without the one of that id; `None` if it is not there.
    pub(super) fn without(&self, id: u64) -> Option<Self> {
        let at = self.chunk_of(id);
        let chunk = self.chunks.get(at)?;
        let place = chunk.binary_search_by_key(&id, |connection| connection.id).ok()?;
        let mut roster = self.clone();
        if chunk.len() == 1 {
            roster.chunks.remove(at);
        } else {
            let mut rest = Vec::clone(chunk);
            rest.remove(place);
            roster.chunks[at] = Arc::new(rest);
        }
        Some(roster)
    }

    /// The same, closed.
    pub(super) fn closing(&self) -> Self {
        Self { closed: true, ..self.clone() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }
}

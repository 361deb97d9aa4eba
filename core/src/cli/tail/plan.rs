//! Which streams to ask for, from where, and up to where.

use super::arguments::TailArguments;
use super::judge::Granted;
use crate::cli::checkpoint::Positions;
use crate::cli::exit::Failure;
use crate::client::{DcpClient, StreamFrom, StreamOptions};
use crate::types::{Seqno, VbId};
use crate::wire::dcp::{StreamFlags, StreamTag};
use std::collections::{BTreeMap, HashMap};

/// The streams that are wanted.
#[derive(Debug)]
pub(super) struct Plan {
    wishes: BTreeMap<u16, Wish>,
    /// Requests whose answer has not come, by opaque.
    asked: HashMap<u32, Granted>,
}

#[derive(Clone, Copy, Debug)]
struct Wish {
    /// Start at what is new, which the server knows best.
    from_latest: bool,
    /// The high seqno where the stream ends; `None` for a stream without an end.
    until: Option<Seqno>,
    rollbacks: u32,
}

impl Plan {
    /// From what was asked for, the high seqnos now, and what a checkpoint knows.
    pub(super) fn new(
        arguments: &TailArguments,
        highs: &[(VbId, Seqno)],
        positions: &mut Positions,
    ) -> Result<Self, Failure> {
        let highs: BTreeMap<u16, Seqno> =
            highs.iter().map(|(vb, high)| (vb.get(), *high)).collect();
        let known: Vec<VbId> = positions.vbuckets().collect();
        if let (Some(file), Some(vb)) =
            (&arguments.checkpoint, known.iter().find(|vb| !highs.contains_key(&vb.get())))
        {
            let what = format!(
                "checkpoint {} is of another bucket: this one has no vbucket {vb}",
                file.display()
            );
            return Err(Failure::failed(what));
        }
        let chosen = match &arguments.vbucket {
            Some(list) => list.iter().map(VbId::get).collect(),
            None => highs.keys().copied().collect::<Vec<_>>(),
        };
        let mut wishes = BTreeMap::new();
        for vb in chosen {
            let Some(&high) = highs.get(&vb) else {
                let count = highs.len();
                let what =
                    format!("there is no vbucket {vb}; the bucket has {count}, counted from 0");
                return Err(Failure::usage(what));
            };
            let is_known = known.contains(&VbId(vb));
            let from_latest = !is_known && !arguments.from_beginning;
            let token = positions.token(VbId(vb));
            if from_latest {
                (token.seqno, token.snap_start, token.snap_end) = (high, high, high);
            }
            let until = arguments.until_caught_up.then_some(high);
            wishes.insert(vb, Wish { from_latest, until, rollbacks: 0 });
        }
        Ok(Self { wishes, asked: HashMap::new() })
    }

    /// Asks for every stream.
    pub(super) fn ask_for_all(&mut self, client: &mut DcpClient, positions: &mut Positions) {
        let all: Vec<u16> = self.wishes.keys().copied().collect();
        for vb in all {
            self.ask(VbId(vb), client, positions);
        }
    }

    /// Asks for the stream of a vbucket from where it is.
    pub(super) fn ask(&mut self, vb: VbId, client: &mut DcpClient, positions: &mut Positions) {
        let Some(wish) = self.wishes.get_mut(&vb.get()) else { return };
        let from = StreamFrom::from(&*positions.token(vb));
        // A position may be above the high seqno, if a crash took what it saw: then the answer is to go back.
        let end = wish.until.map_or(Seqno::MAX, |high| high.max(from.seqno));
        let mut options = StreamOptions::up_to(end);
        if core::mem::take(&mut wish.from_latest) {
            options.flags = StreamFlags::FROM_LATEST;
            if wish.until.is_some() {
                // Nothing, then; but the answer says which branch of history that nothing is on.
                options.flags = options.flags | StreamFlags::TO_LATEST;
                options.end = Seqno::MAX;
            }
        }
        let tag = client.stream(vb, from, &options);
        self.asked.insert(tag.opaque.get(), Granted { from, end: options.end });
    }

    /// What a request that was answered had asked for.
    pub(super) fn answered(&mut self, tag: StreamTag) -> Option<Granted> {
        self.asked.remove(&tag.opaque.get())
    }

    /// How often a vbucket went back, this time included.
    pub(super) fn rolled_back(&mut self, vb: VbId) -> u32 {
        self.wishes.get_mut(&vb.get()).map_or(0, |wish| {
            wish.rollbacks += 1;
            wish.rollbacks
        })
    }

    /// The stream of a vbucket goes well, so that it may go back as often as before.
    pub(super) fn goes_well(&mut self, vb: VbId) {
        if let Some(wish) = self.wishes.get_mut(&vb.get()) {
            wish.rollbacks = 0;
        }
    }

    /// How many seqnos there are from here to the ends; `None` without ends.
    pub(super) fn distance(&self, positions: &mut Positions) -> Option<u64> {
        let left = self.wishes.iter().map(|(&vb, wish)| {
            let at = positions.token(VbId(vb)).seqno;
            wish.until.map(|high| high.get().saturating_sub(at.get()))
        });
        left.sum()
    }
}

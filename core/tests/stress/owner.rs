//! One side of each round: the thread that owns a connection, steps it, and is come between.

use crate::collisions::{Collisions, Deed, Inside, Presence};
use crate::history::{Done, Turn, Way};
use crate::plan::Random;
use crate::rival::{HISTORY, LEAVE, NAMESAKE, Post, Round};
use crate::store::{Current, STORED, Watcher};
use millstream::Engine;
use millstream::partition::{Change, Decision};
use millstream::producer::{CloseOutcome, Control, Departure, OpenOptions, Producer, Step};
use millstream::stream::{Event, Sink, StreamRequest};
use millstream::types::{EndReason, Opaque, Seqno, VbId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// Steps of a round that waits for the end of a backfill.
const STEPS_MAX: u32 = 64;

/// Documents that are written before a step is to be met.
const WRITES: u64 = 4;

/// The owner of one connection after another.
pub(crate) struct Owner<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) store: &'a Watcher,
    pub(crate) collisions: &'a Collisions,
    pub(crate) post: &'a Post,
    pub(crate) name: String,
    /// Its own. A round is about two of them: the last two, where the first is the one whose history changes, or the
    /// first two.
    pub(crate) own: [VbId; 3],
    pub(crate) vbs: [VbId; 2],
    pub(crate) random: Random,
    pub(crate) counts: Counts,
}

/// What an owner saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) rounds: u64,
    pub(crate) opened: u64,
    pub(crate) refused: u64,
    /// Streams that closers ended, by what `close_all` returned.
    pub(crate) closed: u64,
    /// Streams whose end was told.
    pub(crate) told: u64,
    pub(crate) documents: u64,
    /// Rounds in which a vbucket's history was changed, and what came of them.
    pub(crate) turns: u64,
    pub(crate) history: Done,
}

/// A round's connection as its client sees it.
struct Inbox<'a> {
    presence: &'a Presence,
    collisions: &'a Collisions,
    inside: Option<Inside<'a>>,
    /// Who is expected in the middle of a step.
    awaits: Option<Deed>,
    ended: BTreeSet<Opaque>,
    documents: u64,
}

impl Sink for Inbox<'_> {
    fn has_room(&self) -> bool {
        true
    }

    fn send(&mut self, event: &Event<'_>) {
        if self.inside.is_none() {
            self.inside = Some(self.presence.enter(Deed::Step, self.collisions));
            if let Some(deed) = self.awaits {
                self.presence.linger(deed, 1);
            }
        }
        match *event {
            Event::Document { .. } => self.documents += 1,
            Event::StreamEnd { stream, reason } => {
                assert!(self.ended.insert(stream.opaque), "{stream:?} ended twice: {reason:?}");
                assert_ne!(reason, EndReason::Disconnected, "nobody is left to be told");
            }
            _ => {}
        }
    }
}

impl Owner<'_> {
    /// One connection from its opening to its end.
    pub(crate) fn round(&mut self) {
        self.counts.rounds += 1;
        let kind = self.collisions.rarest();
        let [usual, other, changed] = self.own;
        self.vbs = [if kind == HISTORY { changed } else { usual }, other];
        let turn = (kind == HISTORY).then(|| self.turn(changed));
        let mut after = self.starts(kind);
        if let Some(turn) = &turn {
            after[0] = turn.start();
        }
        let presence = Arc::new(Presence::default());
        for (vb, after) in self.vbs.into_iter().zip(after) {
            let (presence, lingers) = (Arc::clone(&presence), kind == 3);
            self.store.begin_round(vb, Current { presence, after, lingers });
        }
        let mut producer = self.connect();
        let round = Arc::new(Round {
            kind,
            name: self.name.clone(),
            vbs: self.vbs,
            handle: producer.handle(),
            presence: Arc::clone(&presence),
            seed: self.random.below(u64::MAX),
            turn,
            arrived: Default::default(),
            done: Default::default(),
            ended: Default::default(),
        });
        let (collisions, mut opaque) = (self.collisions, 0);
        let mut inbox = Inbox {
            presence: &presence,
            collisions,
            inside: None,
            awaits: match kind {
                1 => Some(Deed::CloseAll),
                HISTORY => Some(Deed::History),
                NAMESAKE => Some(Deed::Namesake),
                _ => None,
            },
            ended: BTreeSet::new(),
            documents: 0,
        };
        let opened_before = self.counts.opened;
        if kind != 2 {
            self.open(&mut producer, after, &mut opaque);
        }
        self.post.post(&round);
        round.meet();
        let mut ended = if kind == LEAVE {
            self.leave(producer, &round);
            0
        } else {
            self.see_through(producer, &mut inbox, &round, after, &mut opaque)
        };
        assert_eq!(round.handle.close_all(), 0, "a stream lived on");
        ended += round.ended.load(std::sync::atomic::Ordering::SeqCst);
        let told = inbox.ended.len() as u64;
        assert!(
            ended as u64 <= self.counts.opened - opened_before,
            "{ended} streams were ended, some of them twice"
        );
        self.counts.closed += ended as u64;
        self.counts.told += told;
        self.counts.documents += inbox.documents;
    }

    /// The round of a connection that its owner keeps. How many streams it ended itself.
    fn see_through(
        &mut self,
        mut producer: Producer,
        inbox: &mut Inbox<'_>,
        round: &Round,
        after: [Seqno; 2],
        opaque: &mut u32,
    ) -> usize {
        let ended = self.meet(&mut producer, inbox, round, after, opaque);
        round.await_rival();
        if let Some(turn) = &round.turn {
            self.counts.history.add(&turn.end(self.engine));
        }
        if matches!(round.kind, 4 | HISTORY) {
            // The ends of what was closed by either side are told.
            step(&mut producer, inbox);
        }
        let ended = ended + round.handle.close_all();
        assert_eq!(step(&mut producer, inbox), Some(Departure::Closed));
        ended
    }

    /// Drops the connection while the rival closes it.
    fn leave(&mut self, producer: Producer, round: &Round) {
        let inside = round.presence.enter(Deed::Leave, self.collisions);
        round.presence.linger(Deed::CloseAll, 1);
        self.random.dawdle();
        drop(producer);
        drop(inside);
        round.await_rival();
    }

    /// What the owner is at while its rival comes between. How many streams it ended itself.
    fn meet(
        &mut self,
        producer: &mut Producer,
        inbox: &mut Inbox<'_>,
        round: &Round,
        after: [Seqno; 2],
        opaque: &mut u32,
    ) -> usize {
        let (presence, collisions) = (&*round.presence, self.collisions);
        match round.kind {
            1 | HISTORY | NAMESAKE => {
                step(producer, inbox);
            }
            2 => {
                let _inside = presence.enter(Deed::Request, collisions);
                presence.linger(Deed::CloseAll, 1);
                self.random.dawdle();
                self.open(producer, after, opaque);
            }
            3 => {
                for _ in 0..STEPS_MAX {
                    if step(producer, inbox).is_some() {
                        break;
                    }
                    std::thread::yield_now();
                }
            }
            4 => return self.close_streams(producer, presence, after, opaque),
            _ => return round.close_all(collisions, &mut self.random),
        }
        0
    }

    /// What is done to the history of a vbucket.
    fn turn(&mut self, vb: VbId) -> Turn {
        self.counts.turns += 1;
        // Not every owner begins with the same.
        let way = Way::nth(self.counts.turns + u64::from(vb.0) / 3);
        Turn::begin(self.engine, vb, way, self.counts.rounds)
    }

    /// After which seqnos the streams of a round begin: where a step is to be met they read from memory at once, else
    /// from the store.
    fn starts(&self, kind: usize) -> [Seqno; 2] {
        if !matches!(kind, 1 | NAMESAKE) {
            return [Seqno(self.counts.rounds % (STORED - 1)); 2];
        }
        self.vbs.map(|vb| {
            for n in 0..WRITES {
                // A refusal is an answer: memory is full. The round is then one without a meeting.
                let _ = self.engine.session("owner").update(
                    vb,
                    &n.to_be_bytes(),
                    None,
                    |_| -> Decision<'_, ()> { Decision::Write(Change::set(&b"value"[..])) },
                );
            }
            let high = self.engine.vbucket(vb).expect("it exists").high;
            Seqno(high.0.saturating_sub(WRITES))
        })
    }

    fn connect(&mut self) -> Producer {
        let mut producer =
            self.engine.connect(&self.name, OpenOptions::default()).expect("it is open");
        let window = ["0", "500", "20000"][self.random.below(3) as usize];
        for (key, value) in
            [("connection_buffer_size", window), ("send_stream_end_on_client_close_stream", "true")]
        {
            let control = Control::parse(key.as_bytes(), value.as_bytes()).expect("known");
            producer.control(control).expect("built");
        }
        producer
    }

    /// Requests a stream of each vbucket.
    fn open(&mut self, producer: &mut Producer, after: [Seqno; 2], opaque: &mut u32) {
        for (vb, after) in self.vbs.into_iter().zip(after) {
            let branches = self.engine.failover_log(vb).expect("it exists");
            let request = StreamRequest {
                start: after,
                snap_start: after,
                snap_end: after,
                uuid: branches[0].uuid,
                ..StreamRequest::from_zero()
            };
            *opaque += 1;
            match producer.stream_request(vb, Opaque(*opaque), &request) {
                Ok(_) => self.counts.opened += 1,
                Err(_) => self.counts.refused += 1,
            }
        }
    }

    /// Closes each stream and opens it again. How many were closed here.
    fn close_streams(
        &mut self,
        producer: &mut Producer,
        presence: &Presence,
        after: [Seqno; 2],
        opaque: &mut u32,
    ) -> usize {
        let mut closed = 0;
        let inside = presence.enter(Deed::CloseStream, self.collisions);
        presence.linger(Deed::StateChange, 1);
        self.random.dawdle();
        for vb in self.vbs {
            closed += usize::from(producer.close_stream(vb, None) == CloseOutcome::Closed);
        }
        drop(inside);
        self.open(producer, after, opaque);
        closed
    }
}

/// One step; why it is over, if it is.
fn step(producer: &mut Producer, inbox: &mut Inbox<'_>) -> Option<Departure> {
    let step = producer.step(Instant::now(), inbox);
    inbox.inside = None;
    match step {
        Step::Gone(departure) => Some(departure),
        Step::Idle | Step::Full => None,
    }
}

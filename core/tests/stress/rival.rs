//! The other side of each round: a thread that comes between whatever the owner is at.

use crate::collisions::{Collisions, Deed, LOOKS, Presence};
use crate::history::Turn;
use crate::plan::Random;
use millstream::Engine;
use millstream::producer::{ConnectionHandle, OpenOptions};
use millstream::types::{VbId, VbState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The kind of round in which a vbucket's history is changed.
pub(crate) const HISTORY: usize = 6;
/// The kind of round in which another connection of the name is opened.
pub(crate) const NAMESAKE: usize = 7;
/// The kind of round in which the owner drops its connection.
pub(crate) const LEAVE: usize = 8;
/// Acknowledgements of one round.
const ACKS: u64 = 4;

/// What owner and rival share for one round.
pub(crate) struct Round {
    pub(crate) kind: usize,
    /// The connection's.
    pub(crate) name: String,
    pub(crate) vbs: [VbId; 2],
    pub(crate) handle: ConnectionHandle,
    pub(crate) presence: Arc<Presence>,
    pub(crate) seed: u64,
    /// What is done to the history of one of the vbuckets, in a round of that kind.
    pub(crate) turn: Option<Turn>,
    pub(crate) arrived: AtomicUsize,
    pub(crate) done: AtomicBool,
    /// Streams that the rival's `close_all` ended.
    pub(crate) ended: AtomicUsize,
}

impl Round {
    /// Both begin at once.
    pub(crate) fn meet(&self) {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        wait(|| self.arrived.load(Ordering::SeqCst) == 2);
    }

    /// The rival has done what it does.
    pub(crate) fn await_rival(&self) {
        wait(|| self.done.load(Ordering::SeqCst));
    }

    /// `close_all`, counted.
    pub(crate) fn close_all(&self, collisions: &Collisions, random: &mut Random) -> usize {
        let _inside = self.presence.enter(Deed::CloseAll, collisions);
        match self.kind {
            0 => self.presence.linger(Deed::CloseAll, 2),
            5 => self.presence.linger(Deed::Ack, 1),
            LEAVE => self.presence.linger(Deed::Leave, 1),
            _ => {}
        }
        random.dawdle();
        self.handle.close_all()
    }

    fn run(&self, engine: &Engine, collisions: &Collisions) {
        let mut random = Random::new(self.seed ^ 0xABCD);
        self.meet();
        match self.kind {
            0 | LEAVE => {}
            1 => self.presence.linger(Deed::Step, 1),
            2 => self.presence.linger(Deed::Request, 1),
            3 => self.presence.linger(Deed::EndOfBackfill, 1),
            4 => self.change_state(engine, collisions, &mut random),
            HISTORY => {
                let _inside = self.presence.enter(Deed::History, collisions);
                self.presence.linger(Deed::Step, 1);
                if let Some(turn) = &self.turn {
                    turn.run(engine, &mut random);
                }
            }
            NAMESAKE => self.open_namesake(engine, collisions, &mut random),
            _ => {
                let _inside = self.presence.enter(Deed::Ack, collisions);
                self.presence.linger(Deed::CloseAll, 1);
                for n in 0..ACKS {
                    random.dawdle();
                    self.handle.ack(n * 100);
                }
            }
        }
        if self.kind < 4 || self.kind == LEAVE {
            self.ended.fetch_add(self.close_all(collisions, &mut random), Ordering::SeqCst);
        }
        self.done.store(true, Ordering::SeqCst);
    }

    fn open_namesake(&self, engine: &Engine, collisions: &Collisions, random: &mut Random) {
        let _inside = self.presence.enter(Deed::Namesake, collisions);
        self.presence.linger(Deed::Step, 1);
        random.dawdle();
        let newer = engine.connect(&self.name, OpenOptions::default()).expect("it is open");
        assert!(self.handle.is_closed(), "two connections of one name");
        assert!(!newer.handle().is_closed(), "closed by the one that it replaced");
    }

    fn change_state(&self, engine: &Engine, collisions: &Collisions, random: &mut Random) {
        let vb = self.vbs[random.below(2) as usize];
        let _inside = self.presence.enter(Deed::StateChange, collisions);
        self.presence.linger(Deed::CloseStream, 1);
        random.dawdle();
        for state in [VbState::Replica, VbState::Active] {
            engine.set_vbucket_state(vb, state).expect("it is never refused");
        }
    }
}

/// Where the owner posts its rounds.
#[derive(Default)]
pub(crate) struct Post {
    posted: AtomicU64,
    stop: AtomicBool,
    round: Mutex<Option<Arc<Round>>>,
}

impl Post {
    pub(crate) fn post(&self, round: &Arc<Round>) {
        *self.round.lock().expect("nobody panics with it") = Some(Arc::clone(round));
        self.posted.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Calls `each` once after every post or several, until the owner stops.
    pub(crate) fn follow(&self, mut each: impl FnMut()) {
        let mut seen = 0;
        loop {
            wait(|| self.posted() != seen || self.stop.load(Ordering::SeqCst));
            if self.posted() == seen {
                return;
            }
            seen = self.posted();
            each();
        }
    }

    /// A rival's life.
    pub(crate) fn rival(&self, engine: &Engine, collisions: &Collisions) {
        self.follow(|| {
            let round = self.round.lock().expect("nobody panics with it").take();
            if let Some(round) = round {
                round.run(engine, collisions);
            }
        });
    }

    fn posted(&self) -> u64 {
        self.posted.load(Ordering::SeqCst)
    }
}

fn wait(done: impl Fn() -> bool) {
    for look in 1_u32.. {
        if done() {
            return;
        }
        if look % LOOKS == 0 {
            std::thread::yield_now();
        }
        std::hint::spin_loop();
    }
}

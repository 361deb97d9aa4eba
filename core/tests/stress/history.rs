//! What becomes of a vbucket's history in the middle of a round: it is taken back, fails over, or has its tombstones
//! purged. Who waits for a write is told which way it went.

use crate::plan::Random;
use millstream::Engine;
use millstream::error::ErrorKind;
use millstream::partition::{Change, Decision};
use millstream::types::{Seqno, VbId};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

/// Writes of a round that a rollback takes back.
const ABOVE: u64 = 4;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    RollBack,
    FailOver,
    Purge,
}

impl Way {
    /// Each in its turn.
    pub(crate) fn nth(n: u64) -> Self {
        [Self::RollBack, Self::FailOver, Self::Purge][(n % 3) as usize]
    }
}

/// One vbucket's turn, and what came of it.
pub(crate) struct Turn {
    vb: VbId,
    way: Way,
    /// Everything up to here is persisted when the round begins.
    to: Seqno,
    /// What is written above, to keys that nothing else is written to.
    above: Vec<(String, Seqno)>,
    done: Mutex<Done>,
}

/// What came of the turns.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) rollbacks: u64,
    pub(crate) failovers: u64,
    pub(crate) purged: u64,
    /// Writes whose waiters were told that they are persisted, and that they were taken back.
    pub(crate) persisted: u64,
    pub(crate) taken_back: u64,
}

impl Turn {
    /// Makes a tombstone, waits until it is persisted, and writes what may be taken back.
    pub(crate) fn begin(engine: &Engine, vb: VbId, way: Way, round: u64) -> Self {
        write(engine, vb, "old", Change::set(&b"value"[..]));
        write(engine, vb, "old", Change::delete(engine.unix_seconds()));
        let to = write(engine, vb, "newest", Change::set(&b"value"[..]));
        assert!(block_on(engine.persisted(vb, to)), "nobody takes it back");
        let keys = (0..ABOVE).map(|n| format!("above {round} {n}"));
        let write = |key: String| (key.clone(), write(engine, vb, &key, Change::set(&b"new"[..])));
        Self { vb, way, to, above: keys.map(write).collect(), done: Mutex::default() }
    }

    /// A stream that begins there is sent what was written above.
    pub(crate) fn start(&self) -> Seqno {
        self.to
    }

    /// The rival's part.
    pub(crate) fn run(&self, engine: &Engine, random: &mut Random) {
        random.dawdle();
        let mut done = self.done.lock().expect("nobody panics with it");
        match self.way {
            Way::RollBack => match engine.roll_back(self.vb, self.to) {
                Ok(branch) => {
                    assert_eq!(branch.seqno, self.to, "what lies there was persisted by itself");
                    done.rollbacks += 1;
                }
                // Somebody else replaced a version meanwhile, which is kept no longer.
                Err(error) => assert_eq!(error.kind(), ErrorKind::Misuse, "{error}"),
            },
            Way::FailOver => {
                let branch = engine.fail_over(self.vb).expect("nothing else holds it");
                let highest = self.above.last().map_or(self.to, |(_, seqno)| *seqno);
                assert!(branch.seqno >= highest, "no write is lost");
                done.failovers += 1;
            }
            Way::Purge => {
                done.purged += engine.purge(self.vb, Duration::ZERO).expect("the store takes it");
            }
        }
    }

    /// The owner's, when both are through: every write is there or taken back, as its waiter is told.
    pub(crate) fn end(&self, engine: &Engine) -> Done {
        let mut done = *self.done.lock().expect("nobody panics with it");
        let stays = done.rollbacks == 0;
        for (key, seqno) in &self.above {
            let told = block_on(engine.persisted(self.vb, *seqno));
            assert_eq!(told, stays, "{key} at {seqno}: {:?} to {}", self.way, self.to);
            let found = engine.session("owner").look(self.vb, key.as_bytes(), |it| it.is_some());
            assert_eq!(found.unwrap_or(true), stays, "{key} at {seqno}: {:?}", self.way);
            *(if told { &mut done.persisted } else { &mut done.taken_back }) += 1;
        }
        assert!(block_on(engine.persisted(self.vb, self.to)), "it lies below");
        done
    }
}

impl Done {
    pub(crate) fn add(&mut self, more: &Self) {
        self.rollbacks += more.rollbacks;
        self.failovers += more.failovers;
        self.purged += more.purged;
        self.persisted += more.persisted;
        self.taken_back += more.taken_back;
    }
}

/// Writes when there is room; what is persisted makes it.
fn write(engine: &Engine, vb: VbId, key: &str, change: Change<'_>) -> Seqno {
    loop {
        // Made before the try, so that no commit falls between.
        let flushed = engine.flushed();
        let written = engine
            .session("owner")
            .update(vb, key.as_bytes(), None, |_| Decision::<()>::Write(change.clone()));
        if let Ok(written) = written {
            return written.seqno;
        }
        block_on(flushed);
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut cx, mut future) = (Context::from_waker(&waker), pin!(future));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        thread::park();
    }
}

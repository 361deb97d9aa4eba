//! Holding threads at named points. Locks are fine here: nothing of this is in the library.

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Whoever has not come this far by then never will.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// A point in shipped code: who is at it has just done what its name says, and nothing after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Looked up a connection's backfill manager; about to use it.
    HoldsManager,
    /// Ended a connection's streams; about to take its manager.
    CloserEndedStreams,
    /// Looked up a stream's slot; about to end the stream.
    HoldsSlot,
    /// Loaded the roster of connections; about to go through it.
    HoldsRoster,
    /// Checked a stream request; about to look for its slot.
    RequestChecked,
    /// Took the slot; about to look whether the vbucket changed.
    RequestClaimed,
    /// Saw that the vbucket did not change; about to make the stream.
    RequestValidated,
    /// Found nothing to do; about to store a waker.
    PollFoundNothing,
    /// Stored a waker; about to look again.
    PollRegistered,
    /// Decided to sleep; about to.
    AboutToSleep,
    /// Acknowledged, which opened the window; about to wake the owner.
    AckOpenedWindow,
    /// Closed its connection for good; about to leave the roster.
    OwnerLeaves,
    /// Decided that a stream reads the log; about to say so.
    ChoseLog,
    /// Found nothing that a backfill delivered; about to say so.
    FoundOutboxEmpty,
    /// Found nothing in the log; about to park.
    FoundLogEmpty,
    /// Parked and looked at the log again; about to act on it.
    LookedAgain,
    /// Took a ready member's bit; about to clear the summary if it was the last.
    TookBit,
    /// Cleared the summary; about to look whether that was right.
    ClearedSummary,
    /// Reserved a seqno; about to publish a version under it.
    WriteReserved,
    /// Queued a manager for a scan's place; about to look whether one is free.
    WaitsForPlace,
    /// Delivered the last slice of a backfill; about to deliver its end.
    DeliveredLastSlice,
    /// Numbered a new connection; about to add it to the roster.
    ConnectionMade,
    /// Added it; about to look for namesakes.
    ConnectionAdded,
    /// Published a vbucket's new state; about to look for its streams.
    StatePublished,
    /// Said that something was committed; about to take the list of who waits for it.
    SignalTold,
    /// Has the turn to change the manifest; about to.
    HasManifestTurn,
}

thread_local! {
    /// What the thread is to be held by.
    static ARMED: RefCell<Vec<(Point, Held)>> = const { RefCell::new(Vec::new()) };
}

/// A thread comes by: held once for each hold that was armed for it here.
pub(crate) fn pass(point: Point) {
    // A thread that is being torn down has nothing armed any more.
    let held = ARMED.try_with(|armed| {
        let mut armed = armed.borrow_mut();
        let at = armed.iter().position(|(armed, _)| *armed == point)?;
        Some(armed.remove(at).1)
    });
    if let Ok(Some(held)) = held {
        held.park();
    }
}

/// The test's end of a hold. Dropped, it lets go.
#[derive(Debug)]
pub(super) struct Hold(Held);

/// The held thread's end.
#[derive(Clone, Debug)]
pub(super) struct Held(Arc<Place>);

#[derive(Debug)]
struct Place {
    name: String,
    point: Option<Point>,
    stage: Mutex<Stage>,
    changed: Condvar,
    deadline: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Armed,
    Arrived,
    Released,
}

impl Hold {
    /// A hold at a gate; give it to [`Party::start`].
    pub(super) fn at(point: Point) -> Self {
        Self::new(format!("{point:?}"), Some(point), DEADLINE)
    }

    /// A hold at a seam: in a store, sink or waker of the test's.
    pub(super) fn in_seam(name: impl Debug) -> Self {
        Self::new(format!("{name:?}"), None, DEADLINE)
    }

    pub(super) fn new(name: String, point: Option<Point>, deadline: Duration) -> Self {
        let (stage, changed) = (Mutex::new(Stage::Armed), Condvar::new());
        Self(Held(Arc::new(Place { name, point, stage, changed, deadline })))
    }

    /// The held thread's end, for a seam.
    pub(super) fn held(&self) -> Held {
        self.0.clone()
    }

    /// Waits until the thread is there.
    pub(super) fn arrived(&self) {
        self.0.wait(|stage| stage != Stage::Armed, "nobody came to");
    }

    /// Whether a thread is held here now.
    pub(super) fn is_holding(&self) -> bool {
        *self.0.stage() == Stage::Arrived
    }

    /// Lets the thread go on, now or when it comes.
    pub(super) fn release(&self) {
        *self.0.stage() = Stage::Released;
        self.0.0.changed.notify_all();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release();
    }
}

impl Held {
    /// Stays here until released.
    pub(super) fn park(&self) {
        {
            let mut stage = self.stage();
            if *stage == Stage::Released {
                return;
            }
            *stage = Stage::Arrived;
            self.0.changed.notify_all();
        }
        self.wait(|stage| stage == Stage::Released, "nobody released who was held at");
    }

    /// Has the calling thread held at the gate.
    pub(super) fn arm(&self) {
        let point = self.0.point.expect("a hold at a gate");
        ARMED.with_borrow_mut(|armed| armed.push((point, self.clone())));
    }

    fn wait(&self, until: impl Fn(Stage) -> bool, miss: &str) {
        let deadline = Instant::now() + self.0.deadline;
        let mut stage = self.stage();
        while !until(*stage) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(stage);
                panic!("{miss} {}", self.0.name);
            }
            let waited = self.0.changed.wait_timeout(stage, left);
            stage = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread of a test. It is not waited for when the test fails, so that a hang is told instead of shared.
pub(super) struct Party<T> {
    name: &'static str,
    outcome: Receiver<std::thread::Result<T>>,
}

impl<T: Send + 'static> Party<T> {
    /// Starts a thread that is held at these gates, each once.
    pub(super) fn start(
        name: &'static str,
        holds: &[&Hold],
        run: impl FnOnce() -> T + Send + 'static,
    ) -> Self {
        let held: Vec<Held> = holds.iter().map(|hold| hold.held()).collect();
        let (sender, outcome) = channel();
        let body = move || {
            held.iter().for_each(Held::arm);
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
            // Nobody listens when the test has failed already.
            let _ = sender.send(ended);
        };
        std::thread::Builder::new().name(name.into()).spawn(body).expect("a thread");
        Self { name, outcome }
    }

    /// What it came to; fails the test if it does not come to its end.
    pub(super) fn finish(self) -> T {
        match self.outcome.recv_timeout(DEADLINE) {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(RecvTimeoutError::Timeout) => panic!("`{}` does not come to its end", self.name),
            Err(RecvTimeoutError::Disconnected) => unreachable!("it sends before it ends"),
        }
    }
}

/// Waits until something holds that other threads bring about.
pub(super) fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::yield_now();
    }
}

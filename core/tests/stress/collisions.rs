//! Who is where on one connection, and which meetings were seen.
//!
//! Whoever does something enters first and leaves afterwards. The second of two that meet finds the first inside, in
//! the same atomic operation with which it enters: that is one collision, counted once and never by guess.

use std::sync::atomic::{AtomicU64, Ordering};

/// What somebody may be in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Deed {
    /// `close_all`, from any side.
    CloseAll,
    /// The owner's step, inside the pinned section: from the first message that it sends on.
    Step,
    /// The owner's stream request.
    Request,
    /// A worker's last slice of a scan, until the backfill is gone.
    EndOfBackfill,
    /// A change of a vbucket's state.
    StateChange,
    /// The owner's request to close one stream.
    CloseStream,
    /// An acknowledgement.
    Ack,
    /// A vbucket is taken back, fails over, or has its tombstones purged.
    History,
    /// Another connection of the same name is opened, which closes this one.
    Namesake,
    /// The owner drops its connection.
    Leave,
    /// The engine is shut down.
    Shutdown,
    /// The last handle of the engine is dropped.
    LastHandle,
}

impl Deed {
    const ALL: [Self; 12] = [
        Self::CloseAll,
        Self::Step,
        Self::Request,
        Self::EndOfBackfill,
        Self::StateChange,
        Self::CloseStream,
        Self::Ack,
        Self::History,
        Self::Namesake,
        Self::Leave,
        Self::Shutdown,
        Self::LastHandle,
    ];

    /// Where its count is.
    fn shift(self) -> u32 {
        BITS * self as u32
    }
}

/// Bits of a count.
const BITS: u32 = 5;
const MASK: u64 = (1 << BITS) - 1;

/// Kinds that are rounds of a connection; those behind end the engine.
pub(crate) const ROUNDS: usize = 9;

/// The meetings that are counted.
pub(crate) const KINDS: [Kind; 11] = [
    Kind::of(Deed::CloseAll, Deed::CloseAll, "two closers in one close_all"),
    Kind::of(Deed::CloseAll, Deed::Step, "close against a step inside its pin"),
    Kind::of(Deed::CloseAll, Deed::Request, "close against a stream request"),
    Kind::of(Deed::CloseAll, Deed::EndOfBackfill, "close against the end of a backfill"),
    Kind::of(Deed::StateChange, Deed::CloseStream, "vbucket state change against a stream's close"),
    Kind::of(Deed::CloseAll, Deed::Ack, "close against an acknowledgement"),
    // Each waits for the flusher and for a reload, which takes as long as dozens of the others.
    Kind {
        one: Deed::History,
        other: Deed::Step,
        name: "rollback, failover and purge against a step inside its pin",
        one_in: 16,
    },
    Kind::of(Deed::Namesake, Deed::Step, "a namesake against a step inside its pin"),
    Kind::of(Deed::CloseAll, Deed::Leave, "close against an owner that is dropped"),
    Kind::of(Deed::Shutdown, Deed::Step, "shutdown against a step inside its pin"),
    Kind::of(Deed::LastHandle, Deed::Step, "the last handle against a step inside its pin"),
];

/// Two deeds that meet.
pub(crate) struct Kind {
    one: Deed,
    other: Deed,
    pub(crate) name: &'static str,
    /// It is wanted once for so many of each other kind.
    one_in: u64,
}

impl Kind {
    const fn of(one: Deed, other: Deed, name: &'static str) -> Self {
        Self { one, other, name, one_in: 1 }
    }
}

/// The meetings of a whole run.
#[derive(Default)]
pub(crate) struct Collisions([AtomicU64; KINDS.len()]);

impl Collisions {
    pub(crate) fn counts(&self) -> [u64; KINDS.len()] {
        self.0.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn total(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// The kind of round that was met least often, for how often it is wanted.
    pub(crate) fn rarest(&self) -> usize {
        let counts = self.counts();
        (0..ROUNDS).min_by_key(|kind| counts[*kind] * KINDS[*kind].one_in).unwrap_or(0)
    }

    fn met(&self, one: Deed, other: Deed) {
        for (count, kind) in self.0.iter().zip(&KINDS) {
            if (kind.one, kind.other) == (one, other) || (kind.other, kind.one) == (one, other) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Looks at a word before a thread gives up its turn on the processor.
pub(crate) const LOOKS: u32 = 128;
/// Looks for the other side before one goes on alone.
const PATIENCE: u32 = 8_192;

/// One connection's: a few bits for each deed.
#[derive(Default)]
pub(crate) struct Presence(AtomicU64);

impl Presence {
    /// Enters, and counts who is inside already. The caller leaves when it is done.
    #[must_use]
    pub(crate) fn enter<'a>(&'a self, deed: Deed, collisions: &Collisions) -> Inside<'a> {
        // SeqCst: the stress is about the product's orderings, not about these.
        let before = self.0.fetch_add(1 << deed.shift(), Ordering::SeqCst);
        for other in Deed::ALL {
            if before >> other.shift() & MASK != 0 {
                collisions.met(deed, other);
            }
        }
        Inside(self, deed)
    }

    /// Waits inside until the other side has come, for a while: whoever is in the middle of something may be slow. Both
    /// then go on at once.
    pub(crate) fn linger(&self, deed: Deed, others: u64) {
        for look in 1..=PATIENCE {
            if self.count(deed) >= others {
                break;
            }
            if look % LOOKS == 0 {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }

    /// Leaves, for who has forgotten to be [`Inside`].
    pub(crate) fn leave(&self, deed: Deed) {
        self.0.fetch_sub(1 << deed.shift(), Ordering::SeqCst);
    }

    /// How many are in the middle of it.
    fn count(&self, deed: Deed) -> u64 {
        self.0.load(Ordering::SeqCst) >> deed.shift() & MASK
    }
}

/// Until it is dropped somebody is inside.
pub(crate) struct Inside<'a>(&'a Presence, Deed);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

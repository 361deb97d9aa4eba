//! Engine after engine, each under its owners, rivals and bystanders, until enough has collided.

use crate::collisions::KINDS;
use crate::ends::Ended;
use crate::owner::{Counts, Owner};
use crate::plan::{Figures, Plan, Random};
use crate::rival::Post;
use crate::store::{Watch, watched_store};
use millstream::Engine;
use millstream::engine::{EngineBuilder, EngineSettings};
use millstream::partition::{Change, Decision};
use millstream::producer::OpenOptions;
use millstream::types::VbId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Rounds of one owner on one engine.
const ROUNDS: u64 = 1_000;
/// Engines of each way that end while they stream, for each that goes through its rounds.
const ENDS: u64 = 2;
/// Everything ends in milliseconds; with a sanitizer on a busy machine in seconds.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// What a whole run came to.
pub(crate) struct Total {
    watch: Watch,
    counts: Counts,
    engines: u64,
    writes: u64,
    destroyed: u64,
    ended: Ended,
}

impl Total {
    pub(crate) fn collisions(&self) -> u64 {
        self.watch.collisions.total()
    }

    pub(crate) fn figures(&self) -> Figures {
        let mut figures = vec![("collisions", self.collisions())];
        figures.extend(KINDS.iter().map(|kind| kind.name).zip(self.watch.collisions.counts()));
        figures.extend([
            ("connections", self.counts.rounds),
            ("streams opened", self.counts.opened),
            ("requests refused", self.counts.refused),
            ("streams that a closer ended", self.counts.closed),
            ("ends told", self.counts.told),
            ("documents streamed", self.counts.documents),
            ("scans", self.watch.scans.load(Ordering::Relaxed)),
            ("writes", self.writes),
            ("vbuckets taken back", self.counts.history.rollbacks),
            ("vbuckets that failed over", self.counts.history.failovers),
            ("tombstones purged", self.counts.history.purged),
            ("writes told to be persisted", self.counts.history.persisted),
            ("writes told to be taken back", self.counts.history.taken_back),
            ("engines shut down", self.engines),
            ("engines shut down while they streamed", self.ended.shut_down),
            ("engines whose last handle went while they streamed", self.ended.let_go),
            ("documents of theirs", self.ended.documents),
            ("writes beside them, all of them stored", self.ended.writes),
            ("values destroyed by the reaper", self.destroyed + self.ended.destroyed),
        ]);
        #[cfg(millstream_census)]
        figures.extend([
            ("streams that ended exactly once", millstream::census::ENDED.count()),
            ("managers destroyed by the reaper", millstream::census::MANAGERS.gone()),
        ]);
        figures
    }
}

/// Runs until there are as many collisions as the plan wants.
///
/// # Panics
/// When anything was wrong; the message says what.
pub(crate) fn run(plan: &Plan) -> Total {
    let mut total = Total {
        watch: Watch::default(),
        counts: Counts::default(),
        engines: 0,
        writes: 0,
        destroyed: 0,
        ended: Ended::default(),
    };
    let mut random = Random::new(plan.seed);
    // An owner and a rival on two processors each.
    let groups = (thread::available_parallelism().map_or(2, |n| n.get()) / 2).clamp(1, 16);
    while total.collisions() < plan.collisions {
        one_engine(&mut total, groups as u16, plan.collisions, &mut random);
        for _ in 0..ENDS {
            total.ended.add_both(&total.watch, &mut random);
        }
    }
    for (what, count) in total.figures() {
        assert!(count > 0, "it never happened: {what}");
    }
    assert_eq!(total.watch.astray.load(Ordering::Relaxed), 0, "a scan ended on a closer's thread");
    total
}

fn one_engine(total: &mut Total, groups: u16, wanted: u64, random: &mut Random) {
    let mut settings = EngineSettings::default();
    settings.window_items = 1_024;
    settings.backfill_buffer_bytes = [100, 1_000_000][random.below(2) as usize];
    settings.backfills_max = [1, 1_000][random.below(2) as usize];
    let watch = total.watch.clone();
    let store = Arc::new(watched_store(3 * groups, watch.clone()));
    let builder = EngineBuilder::new(Arc::clone(&store)).settings(settings);
    let engine = builder.open().expect("it opens");
    let writes = AtomicU64::new(0);
    let posts: Vec<_> = (0..groups).map(|_| Post::default()).collect();
    thread::scope(|scope| {
        let mut owners = Vec::new();
        for (n, post) in (0..groups).zip(&posts) {
            let (engine, store, collisions) = (&engine, store.hooks(), &*watch.collisions);
            let random = Random::new(random.below(u64::MAX));
            let mut owner = Owner {
                engine,
                store,
                collisions,
                post,
                name: format!("owner{n}"),
                own: [0, 1, 2].map(|vb| VbId(3 * n + vb)),
                vbs: [VbId(3 * n), VbId(3 * n + 1)],
                random,
                counts: Counts::default(),
            };
            owners.push(scope.spawn(move || {
                for _ in 0..ROUNDS {
                    owner.round();
                    if owner.collisions.total() >= wanted {
                        break;
                    }
                }
                post.stop();
                owner.counts
            }));
            scope.spawn(move || post.rival(engine, collisions));
        }
        // As fast as the rounds of the first owner, so that it does not take a processor for itself.
        scope.spawn(|| posts[0].follow(|| bystander(&engine, 3 * groups, &writes)));
        for owner in owners {
            total.counts.add(&owner.join().expect("it did not panic"));
        }
    });
    total.writes += writes.load(Ordering::Relaxed);
    total.destroyed += finish(engine);
    total.engines += 1;
    drop(store);
    settle();
}

/// Writes, and looks at everything.
fn bystander(engine: &Engine, vbuckets: u16, writes: &AtomicU64) {
    let n = writes.fetch_add(1, Ordering::Relaxed);
    let vb = VbId((n % u64::from(vbuckets)) as u16);
    // Each owner's last vbucket is the one that is taken back: nothing is replaced there, so that it can be.
    let key = if vb.0 % 3 == 2 { n } else { n % 100 }.to_be_bytes();
    // A refusal is an answer: the vbucket is a replica just now, or memory is full.
    let _ = engine.session("writer").update(vb, &key, None, |_| -> Decision<'_, ()> {
        Decision::Write(Change::set(&b"value"[..]))
    });
    let connections = engine.connections();
    assert!(connections.len() <= usize::from(vbuckets));
    let vbucket = engine.vbucket(vb).expect("it exists");
    assert!(vbucket.persisted <= vbucket.high);
}

/// Shuts down from two sides while a connection is opened from a third; how many values the reaper destroyed.
pub(crate) fn finish(engine: Engine) -> u64 {
    thread::scope(|scope| {
        let late = scope.spawn(|| engine.connect("late", OpenOptions::default()));
        scope.spawn(|| engine.shutdown());
        engine.shutdown();
        if let Ok(producer) = late.join().expect("it did not panic") {
            assert!(producer.handle().is_closed(), "shutdown has passed it by");
        }
    });
    let report = engine.quiesce_blocking(LONG).expect("nobody is inside");
    assert!(report.clean, "{report:?}");
    assert_eq!(report.held, 0, "a value had an owner after its grace period");
    report.destroyed
}

/// Everything that was made is gone, and each stream ended once.
#[cfg(millstream_census)]
pub(crate) fn settle() {
    let deadline = std::time::Instant::now() + LONG;
    while let Err(wrong) = millstream::census::settle() {
        assert!(std::time::Instant::now() < deadline, "{wrong}");
        thread::yield_now();
    }
}

#[cfg(not(millstream_census))]
pub(crate) fn settle() {}

impl Counts {
    fn add(&mut self, more: &Self) {
        self.rounds += more.rounds;
        self.opened += more.opened;
        self.refused += more.refused;
        self.closed += more.closed;
        self.told += more.told;
        self.documents += more.documents;
        self.turns += more.turns;
        self.history.add(&more.history);
    }
}

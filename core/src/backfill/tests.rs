//! The manager: order, limits, what is given back and when.

use super::exclusive::{Claim, Exclusive};
use super::scan::read_slice;
use super::{
    Backfill, BackfillManager, BackfillOrder, BackfillPool, BackfillRequest, BackfillSettings,
    Backfills, Delivery, Drained, OutboxReader, PoolGate, outbox,
};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::Budget;
use crate::limits::{BACKFILL_PAGE_BYTES, BACKFILL_SLICE_ITEMS, BACKFILLS_PER_CONNECTION_MAX};
use crate::ready::ReadySet;
use crate::store::{MemoryStore, Record, Scan, Slice, SliceBudget, Store};
use crate::testing::store::{HookedScan, HookedStore, ScanHooks, StoreHooks, with_past};
use crate::types::{EndReason, Seqno, VbId};
use bytes::Bytes;
use millstream_reclaim::sync::Arc;
use millstream_reclaim::{Domain, DomainConfig, Reaper};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// What happens when vbucket 1 is scanned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Error,
    Panic,
    /// It panics when it is dropped.
    PanicLater,
}

struct PanicsLater;

impl ScanHooks for PanicsLater {
    fn next(
        &mut self,
        scan: &mut dyn Scan,
        budget: SliceBudget,
        out: &mut Vec<Record>,
    ) -> Result<Slice> {
        scan.next(budget, out)
    }
}

impl Drop for PanicsLater {
    fn drop(&mut self) {
        panic!("a scan with a bug");
    }
}

impl StoreHooks for Fault {
    fn scan(
        &self,
        store: &MemoryStore,
        vb: VbId,
        range: RangeInclusive<Seqno>,
    ) -> Result<Box<dyn Scan>> {
        match self {
            Fault::Error if vb == VbId(1) => Err(Error::new(ErrorKind::Corrupt, "a bad block")),
            Fault::Panic if vb == VbId(1) => panic!("a store with a bug"),
            Fault::PanicLater if vb == VbId(1) => {
                Ok(Box::new(HookedScan::new(store.scan(vb, range)?, PanicsLater)))
            }
            _ => store.scan(vb, range),
        }
    }
}

/// A store of four vbuckets with `items` documents each, of about a hundred bytes.
fn store(items: u64, fault: Fault) -> std::sync::Arc<dyn Store> {
    let document = |seqno| (Bytes::from(format!("key{seqno:07}")), Bytes::from(vec![b'v'; 90]));
    std::sync::Arc::new(HookedStore::new(with_past(4, items, document), fault))
}

/// A connection's backfills with a pool of one worker.
struct Bench {
    domain: Domain,
    reaper: Reaper,
    gate: Arc<PoolGate>,
    ready: Arc<ReadySet>,
    backfills: Arc<Backfills>,
    pool: BackfillPool,
}

fn bench(store: &std::sync::Arc<dyn Store>, budget: u64, scans_max: usize) -> Bench {
    bench_with(store, budget, scans_max, || false)
}

/// The same, with memory that is short when it is said to be.
fn bench_with(
    store: &std::sync::Arc<dyn Store>,
    budget: u64,
    scans_max: usize,
    is_short: impl Fn() -> bool + Clone + Send + 'static,
) -> Bench {
    let (domain, reaper) = Domain::new(DomainConfig::default());
    let pool = BackfillPool::start(1, store, &domain, is_short).expect("a thread");
    let gate = PoolGate::new(scans_max);
    let drained = Arc::new(Drained::default());
    let bell = Arc::clone(&drained);
    let budget = Budget::new(budget, 25, move || bell.set());
    let running_max = BACKFILLS_PER_CONNECTION_MAX;
    let settings = BackfillSettings { budget, gate: Arc::clone(&gate), running_max };
    let manager = BackfillManager::new(settings);
    let manager = domain.publish(manager).expect("no backlog");
    let backfills = Backfills::new(manager, pool.queues().next(), Arc::clone(&gate), drained);
    Bench { domain, reaper, gate, ready: Arc::new(ReadySet::new(64)), backfills, pool }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::yield_now();
    }
}

impl Bench {
    fn schedule(&self, vb: u16) -> OutboxReader {
        let (writer, reader) = outbox(Arc::clone(&self.ready), usize::from(vb));
        let request = BackfillRequest {
            vb: VbId(vb),
            from: Seqno(1),
            without_values: false,
            default_only: false,
        };
        let mut pinned = self.domain.reader("test");
        let taken =
            Backfills::schedule(&self.backfills, Backfill::new(request, writer), &pinned.pin());
        assert!(taken, "the manager is there");
        reader
    }

    /// Waits until the outbox has something in front.
    fn next(&self, outbox: &mut OutboxReader) -> Got {
        let waker = crate::ready::thread_waker();
        for _ in 0..2_000 {
            if let Some(delivery) = outbox.front() {
                let got = match delivery {
                    Delivery::Opened { last, .. } => Got::Opened(last.0),
                    Delivery::Slice { records, .. } => Got::Slice(records.len()),
                    Delivery::Done { read_to } => Got::Done(read_to.0),
                    Delivery::Failed(reason) => Got::Failed(*reason),
                };
                outbox.pop();
                Backfills::kick_if_drained(&self.backfills);
                return got;
            }
            self.ready.register(&waker);
            while self.ready.take(&mut 0).is_some() {}
            std::thread::park_timeout(Duration::from_millis(5));
        }
        panic!("nothing was delivered");
    }

    fn all(&self, outbox: &mut OutboxReader) -> Vec<Got> {
        let mut all = Vec::new();
        loop {
            let got = self.next(outbox);
            all.push(got);
            if matches!(got, Got::Done(_) | Got::Failed(_)) {
                return all;
            }
        }
    }

    /// Stops everything and says how many scans are still counted.
    fn finish(mut self) -> usize {
        let mut pinned = self.domain.reader("test");
        assert!(self.backfills.close(&pinned.pin()), "one closer");
        assert!(!self.backfills.close(&pinned.pin()), "and only one");
        drop(pinned);
        self.pool.stop();
        self.reaper.quiesce_blocking(Duration::from_secs(10)).expect("nobody is inside");
        self.gate.running()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Got {
    Opened(u64),
    Slice(usize),
    Done(u64),
    Failed(EndReason),
}

#[test]
fn a_backfill_is_opened_read_and_done() {
    let store = store(10_000, Fault::None);
    let bench = bench(&store, 1 << 20, 4);
    let mut outbox = bench.schedule(0);
    let all = bench.all(&mut outbox);
    assert_eq!((all[0], all[all.len() - 1]), (Got::Opened(10_000), Got::Done(10_000)));
    let records: usize = all.iter().map(|g| if let Got::Slice(n) = g { *n } else { 0 }).sum();
    assert_eq!(records, 10_000);
    assert_eq!(bench.finish(), 0, "its place was given back");
}

#[test]
fn a_full_buffer_stops_reading_until_it_has_drained() {
    let store = store(20_000, Fault::None);
    let bench = bench(&store, 1, 4);
    let mut outbox = bench.schedule(0);
    assert_eq!(bench.next(&mut outbox), Got::Opened(20_000));
    let mut slices = 0;
    loop {
        // One slice is larger than the buffer, so each waits for the one before to be gone.
        match bench.next(&mut outbox) {
            Got::Slice(_) => slices += 1,
            Got::Done(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(slices > 2, "it stopped and went on {slices} times");
    assert_eq!(bench.finish(), 0);
}

#[test]
fn what_is_over_a_limit_waits_and_then_runs() {
    let store = store(5_000, Fault::None);
    let bench = bench(&store, 1 << 30, 1);
    let mut outboxes: Vec<_> = (0..4).map(|vb| bench.schedule(vb)).collect();
    for outbox in &mut outboxes {
        let all = bench.all(outbox);
        assert_eq!(all[0], Got::Opened(5_000));
    }
    assert_eq!(bench.finish(), 0);
}

#[test]
fn a_run_ends_when_its_time_is_up() {
    let store = store(10_000, Fault::None);
    let read = |most| {
        let mut scan = store.scan(VbId(0), Seqno(1)..=Seqno::MAX).expect("a scan");
        let mut out = Vec::new();
        let (slice, bytes) = read_slice(&mut *scan, most, &mut out).expect("it reads");
        assert_eq!(bytes, 100 * out.len() as u64);
        assert_eq!((slice.more, slice.read_to), (true, Seqno(out.len() as u64)));
        out.len()
    };
    assert_eq!(read(Duration::ZERO), BACKFILL_PAGE_BYTES.div_ceil(100), "a page is read whole");
    assert_eq!(read(Duration::MAX), BACKFILL_SLICE_ITEMS);
}

#[test]
fn backfills_pause_while_memory_is_short_and_go_on_by_themselves() {
    let store = store(5_000, Fault::None);
    let (short, looks) = (std::sync::Arc::new(AtomicBool::new(true)), channel());
    let (looked, looks) = looks;
    let is_short = {
        let short = std::sync::Arc::clone(&short);
        move || {
            let _ = looked.send(());
            short.load(SeqCst)
        }
    };
    let bench = bench_with(&store, 1 << 20, 4, is_short);
    let mut outboxes = [0, 1].map(|vb| bench.schedule(vb));
    for _ in 0..3 {
        looks.recv_timeout(Duration::from_secs(30)).expect("it looks again and again");
    }
    assert!(outboxes.iter_mut().all(|outbox| outbox.front().is_none()), "nothing was read");
    assert_eq!(bench.gate.running(), 0);
    short.store(false, SeqCst);
    for outbox in &mut outboxes {
        assert_eq!(bench.all(outbox).last(), Some(&Got::Done(5_000)));
    }
    // A connection that closes while its backfills pause leaves nothing behind.
    short.store(true, SeqCst);
    let outbox = bench.schedule(2);
    assert_eq!(bench.finish(), 0);
    drop(outbox);
}

#[test]
fn sequential_opens_all_and_then_reads_one_after_the_other() {
    for order in [BackfillOrder::Sequential, BackfillOrder::RoundRobin] {
        let store = store(20_000, Fault::None);
        let bench = bench(&store, 1 << 30, 8);
        let mut pinned = bench.domain.reader("test");
        bench.backfills.with(&pinned.pin(), |manager| manager.set_order(order)).expect("open");
        let mut outboxes: Vec<_> = (0..3).map(|vb| bench.schedule(vb)).collect();
        for outbox in &mut outboxes {
            assert_eq!(bench.next(outbox), Got::Opened(20_000), "{order:?}");
        }
        for outbox in &mut outboxes {
            assert_eq!(bench.all(outbox).last(), Some(&Got::Done(20_000)), "{order:?}");
        }
        drop(pinned);
        assert_eq!(bench.finish(), 0);
    }
}

#[test]
fn a_failing_store_ends_its_stream_and_nothing_else() {
    for fault in [Fault::Error, Fault::Panic] {
        let store = store(100, fault);
        let bench = bench(&store, 1 << 20, 1);
        let (mut bad, mut good) = (bench.schedule(1), bench.schedule(0));
        assert_eq!(bench.all(&mut bad), [Got::Failed(EndReason::BackfillFailed)]);
        assert_eq!(bench.all(&mut good).last(), Some(&Got::Done(100)));
        assert_eq!(bench.finish(), 0, "the place of the failed one was given back");
    }
}

/// Where a scan is dropped, by the worker that has read it, by one that finds it abandoned or by whoever closes, a panic
/// in the store's destructor took that thread with it, and every connection of that worker waited for ever.
#[test]
fn a_scan_that_panics_when_it_is_dropped_takes_nobody_with_it() {
    let store = store(20_000, Fault::PanicLater);
    let bench = bench(&store, 1, 1);
    let mut read = bench.schedule(1);
    assert_eq!(bench.all(&mut read).last(), Some(&Got::Done(20_000)));
    let mut abandoned = bench.schedule(1);
    assert_eq!(bench.next(&mut abandoned), Got::Opened(20_000));
    drop(abandoned);
    Backfills::kick(&bench.backfills);
    let mut other = bench.schedule(0);
    assert_eq!(bench.all(&mut other).last(), Some(&Got::Done(20_000)));
    let mut closed = bench.schedule(1);
    assert_eq!(bench.next(&mut closed), Got::Opened(20_000));
    assert_eq!(bench.finish(), 0, "and every place is given back");
}

#[test]
fn abandoned_backfills_leave_the_manager() {
    let store = store(20_000, Fault::None);
    let bench = bench(&store, 1, 2);
    let mut first = bench.schedule(0);
    assert_eq!(bench.next(&mut first), Got::Opened(20_000));
    for _ in 0..200 {
        drop(bench.schedule(1));
    }
    drop(first);
    Backfills::kick(&bench.backfills);
    // The worker sweeps before it takes anything, so the next one runs at once.
    let mut last = bench.schedule(2);
    assert_eq!(bench.next(&mut last), Got::Opened(20_000));
    let mut pinned = bench.domain.reader("test");
    let counts = bench.backfills.with(&pinned.pin(), BackfillManager::counts).expect("open");
    assert!(counts.initializing + counts.active + counts.pending <= 1, "{counts:?}");
    drop((last, pinned));
    assert_eq!(bench.finish(), 0);
}

#[test]
fn closing_with_backfills_in_every_list_gives_everything_back() {
    const ROUNDS: usize = 50;
    for _ in 0..ROUNDS {
        let store = store(5_000, Fault::None);
        let bench = bench(&store, 1, 2);
        let outboxes: Vec<_> = (0..4).map(|vb| bench.schedule(vb)).collect();
        assert_eq!(bench.finish(), 0, "no scan is counted any more");
        drop(outboxes);
    }
    println!("backfill: {ROUNDS} managers closed with work in every list");
}

/// A connection had as many backfills as it may have, and its buffer was full: its worker asked the engine's gate, which
/// had places, to be told of the next free one, was told at once, and so on until the client had drained the buffer.
/// What holds: it waits at the gate only if the gate refused, and rests until something changes.
#[test]
fn a_full_buffer_lets_the_worker_rest_though_backfills_are_pending() {
    let store = store(100, Fault::None);
    let bench = bench(&store, 1, 1_000);
    let mut outboxes: Vec<_> =
        (0..BACKFILLS_PER_CONNECTION_MAX + 5).map(|_| bench.schedule(0)).collect();
    let seen = || {
        let mut pinned = bench.domain.reader("test");
        let counts = bench
            .backfills
            .with(&pinned.pin(), |manager| (manager.counts().pending, manager.budget().is_full()));
        counts.expect("open")
    };
    let mut first = outboxes.remove(0);
    assert_eq!(bench.next(&mut first), Got::Opened(100));
    until("the buffer is full, and all are admitted that may be", || seen() == (4, true));
    until("the worker rests", || bench.backfills.is_idle());
    outboxes.drain(..5).for_each(drop);
    Backfills::kick(&bench.backfills);
    until("there is room for the others", || seen().0 == 0);
    drop((first, outboxes));
    assert_eq!(bench.finish(), 0);
}

/// Each fruitless run of a manager, which every end of a stream brings about, put it into the gate's list once more, and
/// closed connections stayed there.
#[test]
fn the_gate_lists_each_connection_once() {
    let store = store(10, Fault::None);
    let bench = bench(&store, 1_000, 1);
    let place = PoolGate::enter(&bench.gate).expect("it is free");
    let mut outbox = bench.schedule(0);
    for _ in 0..1_000 {
        Backfills::kick(&bench.backfills);
        until("the worker rests", || bench.backfills.is_idle());
    }
    // Ours, the list's, and the worker's that may not have let go yet.
    let owners = Arc::strong_count(&bench.backfills);
    assert!(owners <= 3, "{owners} owners");

    let mut closed = Vec::new();
    for _ in 0..1_000 {
        let drained = Arc::new(Drained::default());
        let settings = BackfillSettings {
            budget: Budget::new(1, 25, || {}),
            gate: Arc::clone(&bench.gate),
            running_max: BACKFILLS_PER_CONNECTION_MAX,
        };
        let manager = bench.domain.publish(BackfillManager::new(settings)).expect("no backlog");
        let queue = bench.pool.queues().next();
        let other = Backfills::new(manager, queue, Arc::clone(&bench.gate), drained);
        PoolGate::wait(&bench.gate, &other);
        let mut pinned = bench.domain.reader("test");
        assert!(other.close(&pinned.pin()));
        closed.push(Arc::downgrade(&other));
    }
    let kept = closed.iter().filter(|other| other.strong_count() > 0).count();
    assert!(kept <= 70, "{kept} closed connections are kept");
    drop(place);
    assert_eq!(bench.all(&mut outbox).last(), Some(&Got::Done(10)), "it was told");
    assert_eq!(bench.finish(), 0);
}

#[test]
fn an_exclusive_value_has_one_user() {
    let value = Exclusive::new(1);
    let mut claim = value.claim().expect("free");
    *claim += 1;
    assert!(value.claim().is_none(), "taken");
    drop(claim);
    assert_eq!(*value.claim().expect("free again"), 2);
}

/// A claim of a value that may not be shared could be shared all the same: two threads had the one value.
#[test]
fn a_claim_is_shared_only_if_its_value_may_be() {
    trait Choice<A> {
        fn made() {}
    }
    struct Shared;
    impl<T: ?Sized> Choice<()> for T {}
    impl<T: ?Sized + Sync> Choice<Shared> for T {}
    // Compiles only while the first is the one choice there is.
    <Claim<'static, core::cell::Cell<u8>> as Choice<_>>::made();
    fn is_sync<T: Sync>() {}
    is_sync::<Claim<'static, u8>>();
    is_sync::<Exclusive<core::cell::Cell<u8>>>();
}

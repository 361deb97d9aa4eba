//! How long does it take until a consumer that sleeps has a document that was just written?
//!
//! A write every 300 microseconds; the time from before the write until the consumer's sink has the document. Once
//! with a consumer that is a thread (`Producer::wait`), once with tasks of a runtime of two threads
//! (`Producer::poll_ready`). By the clock: with other work on the processors the far end is the scheduler's.
#![forbid(unsafe_code)]
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]

use benches::baseline::Locked;
use benches::measure::{Bench, Row, Spread, Unit};
use benches::workload::{Connection, Documents, Millstream, Received, Streaming, Writer};
use millstream::types::VbId;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Time between writes: everybody is asleep again.
const PACE: Duration = Duration::from_micros(300);
const VALUE_BYTES: usize = 256;

fn main() -> ExitCode {
    Bench::run("wake", |bench| {
        let writes = bench.sized(1500, 5);
        let question = "wake, a thread that sleeps, 1 to 1";
        if bench.wants(question) {
            let wait = |it: &mut <Millstream as Streaming>::Connection| {
                let _ = it.producer.wait(Duration::from_secs(1));
            };
            show(bench, question, Millstream::NAME, &threads::<Millstream>(writes, wait));
            show(bench, question, Locked::NAME, &threads::<Locked>(writes, |it| it.wait()));
            #[cfg(feature = "compare")]
            show(bench, question, "crossbeam-channel", &peers::crossbeam(writes));
        }
        for consumers in [1, 4, 64] {
            let question = format!("wake, async tasks, 1 to {consumers}");
            if bench.wants(&question) {
                let writes = bench.sized(1000, 5);
                show(bench, &question, Millstream::NAME, &tasks(writes, consumers));
                #[cfg(feature = "compare")]
                for (who, times) in peers::tasks(writes, consumers) {
                    show(bench, &question, who, &times);
                }
            }
        }
    })
}

fn show(bench: &mut Bench, question: &str, who: &str, times: &Spread) {
    bench.row(Row::distribution(question, who, Unit::WallNs, times));
}

/// The moment of each write.
struct Stamps {
    origin: Instant,
    nanos: Box<[AtomicU64]>,
}

impl Stamps {
    fn of(writes: u64) -> Self {
        Self { origin: Instant::now(), nanos: (0..writes).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The n-th write begins.
    fn set(&self, n: u64) {
        self.nanos[n as usize].store(self.origin.elapsed().as_nanos() as u64, Ordering::Release);
    }

    /// What has passed since the n-th write.
    fn since(&self, n: u64) -> f64 {
        let then = self.nanos[n as usize].load(Ordering::Acquire);
        (self.origin.elapsed().as_nanos() as u64 - then) as f64
    }
}

/// Paces so many writes.
fn pace(writes: u64, mut write: impl FnMut(u64)) {
    for n in 0..writes {
        thread::sleep(PACE);
        write(n);
    }
}

fn threads<E: Streaming>(writes: u64, mut wait: impl FnMut(&mut E::Connection) + Send) -> Spread {
    let engine = E::new(1);
    let mut connection = engine.connect("sleeper");
    connection.open(VbId(0));
    let stamps = Stamps::of(writes);
    thread::scope(|scope| {
        let stamps = &stamps;
        let consumer = scope.spawn(move || {
            let (mut received, mut times) = (Received::default(), Vec::new());
            while received.documents < writes {
                let before = received.documents;
                if connection.run(&mut received) > 0 {
                    // In the order of their writes: no two have a key in common.
                    times.extend((before..received.documents).map(|n| stamps.since(n)));
                } else {
                    wait(&mut connection);
                }
            }
            times
        });
        let (mut writer, mut documents) = (engine.writer(), Documents::of(VALUE_BYTES));
        pace(writes, |n| {
            let (key, value) = documents.nth(n);
            stamps.set(n);
            writer.set(VbId(0), key, value);
        });
        Spread::of(consumer.join().expect("the consumer ends"))
    })
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    runtime.expect("a runtime starts")
}

/// Runs consumers as tasks, and writes from a thread outside of the runtime.
fn with_tasks<F>(consumers: usize, mut task: impl FnMut(usize) -> F, write: impl FnOnce()) -> Spread
where
    F: Future<Output = Vec<f64>> + Send + 'static,
{
    let runtime = runtime();
    let running: Vec<_> = (0..consumers).map(|n| runtime.spawn(task(n))).collect();
    write();
    let times = runtime.block_on(async {
        let mut times = Vec::new();
        for task in running {
            times.extend(task.await.expect("a consumer ends"));
        }
        times
    });
    Spread::of(times)
}

fn tasks(writes: u64, consumers: usize) -> Spread {
    let engine = Millstream::new(1);
    let stamps = std::sync::Arc::new(Stamps::of(writes));
    let task = |n: usize| {
        let mut connection = engine.connect(&format!("task {n}"));
        connection.open(VbId(0));
        let stamps = std::sync::Arc::clone(&stamps);
        async move {
            let (mut received, mut times) = (Received::default(), Vec::new());
            while received.documents < writes {
                let before = received.documents;
                connection.run(&mut received);
                times.extend((before..received.documents).map(|n| stamps.since(n)));
                if received.documents < writes {
                    std::future::poll_fn(|cx| connection.producer.poll_ready(cx)).await;
                }
            }
            times
        }
    };
    with_tasks(consumers, task, || {
        let (mut writer, mut documents) = (engine.writer(), Documents::of(VALUE_BYTES));
        pace(writes, |n| {
            let (key, value) = documents.nth(n);
            stamps.set(n);
            writer.set(VbId(0), key, value);
        });
    })
}

/// Channels, whose messages carry nothing but a number.
#[cfg(feature = "compare")]
mod peers {
    use super::{Spread, Stamps, pace, thread, with_tasks};
    use std::sync::Arc;

    pub(super) fn crossbeam(writes: u64) -> Spread {
        let (tx, rx) = crossbeam_channel::unbounded();
        let stamps = Stamps::of(writes);
        thread::scope(|scope| {
            let stamps = &stamps;
            let consumer =
                scope.spawn(move || rx.iter().map(|n: u64| stamps.since(n)).collect::<Vec<_>>());
            pace(writes, |n| {
                stamps.set(n);
                tx.send(n).expect("it is read");
            });
            drop(tx);
            Spread::of(consumer.join().expect("the consumer ends"))
        })
    }

    pub(super) fn tasks(writes: u64, consumers: usize) -> Vec<(&'static str, Spread)> {
        vec![
            ("tokio::broadcast", tokio_broadcast(writes, consumers)),
            ("async-broadcast", async_broadcast(writes, consumers)),
            ("kanal, one for each consumer", kanal(writes, consumers)),
        ]
    }

    fn tokio_broadcast(writes: u64, consumers: usize) -> Spread {
        let (tx, _) = tokio::sync::broadcast::channel(1024);
        let stamps = Arc::new(Stamps::of(writes));
        let task = |_| {
            let (mut rx, stamps) = (tx.subscribe(), Arc::clone(&stamps));
            async move {
                let mut times = Vec::new();
                while (times.len() as u64) < writes
                    && let Ok(n) = rx.recv().await
                {
                    times.push(stamps.since(n));
                }
                times
            }
        };
        with_tasks(consumers, task, || {
            pace(writes, |n| {
                stamps.set(n);
                let _: usize = tx.send(n).expect("it is read");
            });
        })
    }

    fn async_broadcast(writes: u64, consumers: usize) -> Spread {
        let (tx, first) = async_broadcast::broadcast(1024);
        let stamps = Arc::new(Stamps::of(writes));
        let (rx, stamps_of) = (first.deactivate(), &stamps);
        let task = |_| {
            let (mut rx, stamps) = (rx.activate_cloned(), Arc::clone(stamps_of));
            async move {
                let mut times = Vec::new();
                while (times.len() as u64) < writes
                    && let Ok(n) = rx.recv().await
                {
                    times.push(stamps.since(n));
                }
                times
            }
        };
        with_tasks(consumers, task, || {
            pace(writes, |n| {
                stamps.set(n);
                let _overwritten: Option<u64> = tx.try_broadcast(n).expect("it is read");
            });
        })
    }

    fn kanal(writes: u64, consumers: usize) -> Spread {
        let (txs, mut rxs): (Vec<_>, Vec<_>) =
            (0..consumers).map(|_| kanal::bounded_async::<u64>(1024)).unzip();
        let stamps = Arc::new(Stamps::of(writes));
        let task = |_| {
            let (rx, stamps) = (rxs.pop().expect("one for each"), Arc::clone(&stamps));
            async move {
                let mut times = Vec::new();
                while (times.len() as u64) < writes
                    && let Ok(n) = rx.recv().await
                {
                    times.push(stamps.since(n));
                }
                times
            }
        };
        with_tasks(consumers, task, || {
            pace(writes, |n| {
                stamps.set(n);
                for tx in &txs {
                    assert!(tx.try_send(n).expect("it is read"), "there is room");
                }
            });
        })
    }
}

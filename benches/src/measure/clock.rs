//! Processor time and time by the clock.

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// Processor time that the calling thread has used. Where the system has no such clock it is time by the clock, which
/// is never less.
#[must_use]
pub fn thread_cpu() -> Duration {
    #[cfg(unix)]
    {
        cpu(rustix::time::ClockId::ThreadCPUTime)
    }
    #[cfg(not(unix))]
    {
        by_the_clock()
    }
}

/// Processor time that all threads of the process have used; as for [`thread_cpu`].
#[must_use]
pub fn process_cpu() -> Duration {
    #[cfg(unix)]
    {
        cpu(rustix::time::ClockId::ProcessCPUTime)
    }
    #[cfg(not(unix))]
    {
        by_the_clock()
    }
}

#[cfg(unix)]
fn cpu(clock: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).expect("processor time is not negative");
    let nanos = u32::try_from(time.tv_nsec).expect("less than a second of nanoseconds");
    Duration::new(seconds, nanos)
}

#[cfg(not(unix))]
fn by_the_clock() -> Duration {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    BEGUN.get_or_init(Instant::now).elapsed()
}

/// What some operations took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Processor time, of all threads that were measured.
    pub cpu: Duration,
    /// Time by the clock.
    pub wall: Duration,
    /// How many operations.
    pub ops: u64,
}

impl Spent {
    /// Processor time of one operation, in nanoseconds.
    #[must_use]
    pub fn cpu_ns(&self) -> f64 {
        self.cpu.as_nanos() as f64 / self.ops.max(1) as f64
    }

    /// Time by the clock of one operation, in nanoseconds.
    #[must_use]
    pub fn wall_ns(&self) -> f64 {
        self.wall.as_nanos() as f64 / self.ops.max(1) as f64
    }

    /// One after the other.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self { cpu: self.cpu + next.cpu, wall: self.wall + next.wall, ops: self.ops + next.ops }
    }
}

/// Measures the calling thread from its start to [`stop`](Stopwatch::stop); what the clocks themselves take is
/// subtracted.
#[derive(Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// Starts.
    #[must_use]
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: thread_cpu() }
    }

    /// What was spent on `ops` operations.
    #[must_use]
    pub fn stop(self, ops: u64) -> Spent {
        let spent = self.stop_raw(ops);
        let clocks = CLOCKS.get_or_init(|| {
            let mut pairs: Vec<Spent> = (0..1001).map(|_| Self::start().stop_raw(1)).collect();
            pairs.sort_by_key(|pair| pair.cpu);
            let cpu = pairs[500].cpu;
            pairs.sort_by_key(|pair| pair.wall);
            Spent { cpu, wall: pairs[500].wall, ops: 1 }
        });
        Spent {
            cpu: spent.cpu.saturating_sub(clocks.cpu),
            wall: spent.wall.saturating_sub(clocks.wall),
            ops,
        }
    }

    fn stop_raw(self, ops: u64) -> Spent {
        Spent { cpu: thread_cpu() - self.cpu, wall: self.wall.elapsed(), ops }
    }
}

/// What reading the clocks twice takes.
static CLOCKS: OnceLock<Spent> = OnceLock::new();

/// Runs `each` with its number in that many threads (a single one on the calling thread, whose memory the system's
/// allocator does not keep giving back), which begin together, each on a processor of its own as far as
/// there are so many. Processor time and operations are sums, the
/// time by the clock is that of the slowest, so that a rate by it is the rate of all.
pub fn in_threads(threads: usize, each: impl Fn(usize) -> Spent + Sync) -> Spent {
    if threads == 1 {
        return each(0);
    }
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let run = |n| {
            let (barrier, each) = (&barrier, &each);
            scope.spawn(move || {
                stay_on(n);
                barrier.wait();
                each(n)
            })
        };
        let running: Vec<_> = (0..threads).map(run).collect();
        let spent = running.into_iter().map(|it| it.join().expect("a measured thread ends"));
        spent.fold(Spent::default(), |all, one| Spent {
            cpu: all.cpu + one.cpu,
            wall: all.wall.max(one.wall),
            ops: all.ops + one.ops,
        })
    })
}

/// Keeps the calling thread on one processor, where that can be asked for.
pub fn stay_on(n: usize) {
    #[cfg(target_os = "linux")]
    {
        let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut set = rustix::thread::CpuSet::new();
        set.set(n % processors);
        // Not allowed: then the scheduler decides.
        let _ = rustix::thread::sched_setaffinity(None, &set);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = n;
}

/// Criterion's measurement by the processor time of the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        thread_cpu()
    }

    fn end(&self, start: Duration) -> Duration {
        thread_cpu() - start
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

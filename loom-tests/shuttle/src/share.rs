//! One process's share of the schedules: batches, each with a scheduler and a seed of its own.

use crate::scene;
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use std::path::Path;

/// Schedules of one batch.
const BATCH: u64 = 2_500;
/// Points at which a PCT schedule changes priorities, besides the first.
const DEPTHS: [usize; 2] = [3, 12];
/// Steps of one schedule: far more than any needs whose threads do not sleep for ever.
const STEPS_MAX: usize = 200_000;
/// Bytes of each thread's stack.
const STACK: usize = 1 << 18;

/// Runs the share; a failure ends the process.
pub(crate) fn run(schedules: u64, seed: u64, failed: &Path) {
    let mut done = 0;
    for batch in 0.. {
        let size = BATCH.min(schedules - done);
        if size == 0 {
            break;
        }
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(batch);
        run_batch(batch, seed, size as usize, failed);
        done += size;
        println!("@done {size}");
    }
    println!("@seen {}", scene::seen());
}

fn run_batch(batch: u64, seed: u64, size: usize, failed: &Path) {
    let config = config(FailurePersistence::File(Some(failed.into())));
    match batch % 3 {
        0 => {
            eprintln!("random, seed {seed}, {size} schedules");
            Runner::new(RandomScheduler::new_from_seed(seed, size), config).run(scene::play);
        }
        n => {
            let depth = DEPTHS[n as usize - 1];
            eprintln!("pct of depth {depth}, seed {seed}, {size} schedules");
            Runner::new(PctScheduler::new_from_seed(seed, depth, size), config).run(scene::play);
        }
    }
}

/// Runs the one schedule of a file.
pub(crate) fn replay(file: &Path) -> Result<(), String> {
    let scheduler = ReplayScheduler::new_from_file(file);
    let scheduler = scheduler.map_err(|error| format!("{}: {error}", file.display()))?;
    Runner::new(scheduler, config(FailurePersistence::None)).run(scene::play);
    Ok(())
}

fn config(failure_persistence: FailurePersistence) -> Config {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config.silence_warnings = true;
    config.failure_persistence = failure_persistence;
    config
}

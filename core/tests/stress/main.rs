//! Real threads that collide on purpose, each collision counted where it happens. Small with `cargo test`; the lanes set
//! `MILLSTREAM_STRESS` to how many collisions they want, build with `--cfg millstream_census`, and add a sanitizer.
//!
//! It is a program of its own, so that nothing but the engine runs in it.

#![allow(clippy::print_stdout, reason = "a program of its own, whose counts are its result")]

mod close_time;
mod collisions;
mod ends;
mod history;
mod owner;
mod pinned;
mod plan;
mod rival;
mod stalled;
mod store;
mod world;

use plan::Plan;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Stalls of one run.
const STALLS: usize = 5;

fn main() -> ExitCode {
    // The names of other tests, or what lists them.
    if std::env::args().skip(1).any(|argument| !argument.starts_with("--") || argument == "--list")
    {
        return ExitCode::SUCCESS;
    }
    let plan = Plan::from_environment();
    let (lane, held) = (plan.lane.as_deref(), Duration::from_secs(plan.seconds));
    let begun = Instant::now();
    let tell = |figures| plan.tell(&figures, begun.elapsed().as_secs_f64());
    if matches!(lane, None | Some("stress" | "asan" | "tsan")) {
        let total = world::run(&plan);
        tell(total.figures());
        println!("collisions: {}, wrong ends 0, seed {}", total.collisions(), plan.seed);
    }
    if matches!(lane, None | Some("stalled")) {
        tell(stalled::run(if lane.is_some() { STALLS } else { 1 }, held));
        println!("stalled: every bound kept");
    }
    // Without a lane it is a debug build on a machine that runs other tests: no place to compare times.
    if lane == Some("close_all") {
        tell(close_time::run(held));
        println!("close_all: it does not wait");
    }
    ExitCode::SUCCESS
}

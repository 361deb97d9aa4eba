//! Real threads that collide on purpose, each collision counted where it happens. Small with `cargo test`; the lanes set
//! `MILLSTREAM_STRESS` to how many collisions they want, build with `--cfg millstream_census`, and add a sanitizer.
//!
//! It is a program of its own, so that nothing but the engine runs in it.

mod collisions;
mod owner;
mod plan;
mod rival;
mod store;
mod world;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    // The names of other tests, or what lists them.
    if std::env::args().skip(1).any(|argument| !argument.starts_with("--") || argument == "--list")
    {
        return ExitCode::SUCCESS;
    }
    let plan = plan::Plan::from_environment();
    let began = Instant::now();
    let total = world::run(&plan);
    let seconds = began.elapsed().as_secs_f64();
    for (what, count) in total.figures() {
        println!("{what}: {count}");
    }
    plan.write_figures(&total, seconds);
    println!("collisions: {} in {seconds:.1} s, seed {}", total.collisions(), plan.seed);
    ExitCode::SUCCESS
}

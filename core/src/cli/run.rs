//! From arguments to what they ask for.

use super::args::{Arguments, Command};
use super::exit::{Failure, io_failure};
use super::{load, manage, quickstart, serve, stats, tail};
use core::future::Future;
use std::time::Instant;
use tokio::runtime::Builder;

/// Does what the arguments ask for.
///
/// # Errors
/// A sentence for the user, and the exit code.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let started = Instant::now();
    match arguments.command {
        None => on_all_cores(quickstart::run(arguments.quick_start, started)),
        Some(Command::Serve(arguments)) => on_all_cores(serve::run(arguments, started)),
        Some(Command::Load(arguments)) => on_one_core(load::run(arguments)),
        Some(Command::Tail(arguments)) => on_one_core(tail::run(arguments)),
        Some(Command::Stats(arguments)) => on_one_core(stats::run(arguments)),
        Some(Command::Scope(arguments)) => on_one_core(manage::scope(arguments)),
        Some(Command::Collection(arguments)) => on_one_core(manage::collection(arguments)),
        Some(Command::Vbucket(arguments)) => on_one_core(manage::vbucket(arguments)),
    }
}

fn on_all_cores(task: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    on(&mut Builder::new_multi_thread(), task)
}

fn on_one_core(task: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    on(&mut Builder::new_current_thread(), task)
}

fn on(
    builder: &mut Builder,
    task: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|e| io_failure("cannot start a thread", &e))?;
    let done = runtime.block_on(task);
    // What still runs has nobody left to tell; the process is about to end.
    runtime.shutdown_background();
    done
}

//! The program; everything that it does is in [`millstream::cli`].
#![forbid(unsafe_code)]

use clap::Parser;
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A document is written by one thread and given up by another, and so is what the store makes of it: allocators that
/// keep memory by thread with a lock around each part spend more on that than on the rest of a write.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match millstream::cli::run(millstream::cli::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("millstream: {failure}");
            failure.code()
        }
    }
}

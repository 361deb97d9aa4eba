//! The question: how fast do a million documents go in over TCP and come out again? See [`benches::million`].
#![forbid(unsafe_code)]

use benches::million::{Arguments, measure};
use clap::Parser;
use mimalloc::MiMalloc;
use std::ffi::OsStr;
use std::process::ExitCode;

/// As the shipped program has.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // The server that is measured is this very program, started again as a process of its own.
    if std::env::args_os().nth(1).as_deref() == Some(OsStr::new("serve")) {
        return match millstream::cli::run(millstream::cli::Arguments::parse()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("million: serve: {failure}");
                failure.code()
            }
        };
    }
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("million: {error}");
            ExitCode::FAILURE
        }
    }
}

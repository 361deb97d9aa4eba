//! The question: how does Millstream do beside what one would take instead? See [`benches::servers`].
#![forbid(unsafe_code)]

use benches::servers::{Arguments, measure};
use clap::Parser;
use mimalloc::MiMalloc;
use std::ffi::OsStr;
use std::process::ExitCode;

/// As the shipped program has.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // Our server is this very program, started again as a process of its own.
    if std::env::args_os().nth(1).as_deref() == Some(OsStr::new("serve")) {
        return match millstream::cli::run(millstream::cli::Arguments::parse()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("servers: serve: {failure}");
                failure.code()
            }
        };
    }
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("servers: {error}");
            ExitCode::FAILURE
        }
    }
}

//! `cargo schedules`: whole engines under many schedules, with shuttle.
//!
//! ```text
//! cargo schedules                     100,000 schedules
//! cargo schedules --full              1,000,000
//! cargo schedules --schedules N --seed S --processes P
//! cargo schedules --replay FILE       the failing schedule that a run has left
//! cargo schedules --mutants [WORD]    seeds bugs into a copy of the product; every one must be found
//! ```
#[cfg(not(all(millstream_shuttle, millstream_census)))]
compile_error!("run it as `cargo schedules`, which sets its two switches");

mod figures;
mod lane;
mod mutants;
mod plan;
mod scene;
mod share;

use plan::Plan;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("cargo schedules: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).expect("the package is two folders below the top");
    match Plan::parse(std::env::args().skip(1))? {
        Plan::Run { schedules, processes, seed } => lane::run(schedules, processes, seed, root),
        Plan::Share { schedules, seed } => {
            let failed = here.join("../target/schedules-failed");
            std::fs::create_dir_all(&failed).map_err(|error| error.to_string())?;
            share::run(schedules, seed, &failed);
            Ok(true)
        }
        Plan::Replay(file) => share::replay(&file).map(|()| true),
        Plan::Mutants(words) => mutants::run_all(root, &words),
    }
}

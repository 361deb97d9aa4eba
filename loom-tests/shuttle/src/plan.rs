//! What was asked for.

use std::path::PathBuf;

/// Schedules of an ordinary run.
const ORDINARY: u64 = 100_000;
/// Schedules of a full run.
const FULL: u64 = 1_000_000;
/// Processes that share the schedules.
const PROCESSES: u64 = 2;

/// See the module.
#[derive(Debug)]
pub(crate) enum Plan {
    /// So many schedules, over so many processes, from this seed on.
    Run { schedules: u64, processes: u64, seed: u64 },
    /// A process's share.
    Share { schedules: u64, seed: u64 },
    /// The schedule of a file.
    Replay(PathBuf),
    /// Each seeded bug whose name contains one of the words.
    Mutants(Vec<String>),
}

impl Plan {
    /// From the command line.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut schedules, mut processes, mut seed) = (ORDINARY, PROCESSES, 1);
        let mut share = false;
        while let Some(argument) = arguments.next() {
            let mut number = || -> Result<u64, String> {
                let text = arguments.next().ok_or(format!("{argument} wants a number"))?;
                text.replace('_', "").parse().map_err(|_| format!("`{text}` is not a number"))
            };
            match argument.as_str() {
                "--full" => schedules = FULL,
                "--schedules" => schedules = number()?,
                "--processes" => processes = number()?.max(1),
                "--seed" => seed = number()?,
                "--share" => share = true,
                "--replay" => {
                    let file = arguments.next().ok_or("--replay wants a file")?;
                    return Ok(Self::Replay(file.into()));
                }
                "--mutants" => return Ok(Self::Mutants(arguments.collect())),
                other => return Err(format!("`{other}` is no option of this; see README.md")),
            }
        }
        Ok(match share {
            true => Self::Share { schedules, seed },
            false => Self::Run { schedules, processes, seed },
        })
    }
}

//! The lane's figures, for `docs/src/verification/figures.md`.

use crate::lane::Outcome;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Writes `target/figures/schedules.json` below `root`.
pub(crate) fn write(root: &Path, outcome: &Outcome, seconds: f64, seed: u64) -> Result<(), String> {
    let folder = root.join("target/figures");
    let mut counts =
        format!("\"schedules\": {}, \"failed\": {}", outcome.schedules, outcome.failed);
    for (what, count) in &outcome.seen {
        let _ = write!(counts, ", \"{what}\": {count}");
    }
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let command = ["cargo schedules", &asked.join(" ")].join(" ");
    let text = format!(
        "{{\"name\": \"schedules\", \"counts\": {{{counts}}}, \"seconds\": {seconds:.1}, \"seed\": {seed}, \
         \"command\": \"{}\"}}\n",
        command.trim()
    );
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join("schedules.json"), text))
        .map_err(|error| format!("{}: {error}", folder.display()))
}

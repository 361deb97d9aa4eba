//! Puts each bug into a copy of the product and runs the ordinary number of schedules on it.

use super::seeded::{MUTANTS, Mutant};
use crate::lane;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Schedules within which each bug must be found: those of an ordinary run.
const SCHEDULES: u64 = 100_000;
/// What is copied, from the top folder.
const COPIED: [&str; 4] = ["Cargo.toml", "core", "reclaim", "loom-tests/shuttle"];

/// Runs every bug whose name contains one of `words` (all, when there are none). Whether all were found.
pub(crate) fn run_all(root: &Path, words: &[String]) -> Result<bool, String> {
    let copy = root.join("loom-tests/target/gen/schedules-mutants");
    let target = root.join("loom-tests/target/schedules-mutants");
    let wanted = |mutant: &&Mutant| {
        words.is_empty() || words.iter().any(|word| mutant.bug.contains(word.as_str()))
    };
    let (mut tried, mut survivors) = (0, 0);
    for mutant in MUTANTS.iter().filter(wanted) {
        tried += 1;
        let began = Instant::now();
        for name in COPIED {
            copy_changed(&root.join(name), &copy.join(name), &Change { root, mutant })?;
        }
        strip_members(&copy)?;
        let program = build(&copy, &target).map_err(|fault| format!("{}: {fault}", mutant.bug))?;
        let outcome = lane::share_out(&program, SCHEDULES, 2, 1, true)?;
        let verdict = if outcome.failed > 0 { "found" } else { "SURVIVED" };
        survivors += u32::from(outcome.failed == 0);
        let took = began.elapsed().as_secs();
        println!("{:<72} {took:>4} s  {verdict}", mutant.bug);
    }
    println!("{tried} seeded bugs, {survivors} survived");
    Ok(tried > 0 && survivors == 0)
}

struct Change<'a> {
    root: &'a Path,
    mutant: &'a Mutant,
}

/// Copies a file, or a folder without what builds leave; writes only what differs, so that little is built again.
fn copy_changed(from: &Path, to: &Path, change: &Change<'_>) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("{}: {error}", from.display());
    if from.is_dir() {
        for entry in fs::read_dir(from).map_err(fault)? {
            let name = entry.map_err(fault)?.file_name();
            if name != "target" {
                copy_changed(&from.join(&name), &to.join(&name), change)?;
            }
        }
        return Ok(());
    }
    let mut text = fs::read(from).map_err(fault)?;
    if from == change.root.join(change.mutant.file) {
        let whole = String::from_utf8_lossy(&text);
        let found = whole.matches(change.mutant.text).count();
        if found != 1 {
            let Mutant { bug, file, .. } = change.mutant;
            return Err(format!("{bug}: its text is {found} times in {file}, not once"));
        }
        text = whole.replace(change.mutant.text, change.mutant.with).into_bytes();
    }
    if fs::read(to).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let folder = to.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).and_then(|()| fs::write(to, text)).map_err(fault)
}

/// The copy has no benches; everything else of the manifest stays.
fn strip_members(copy: &Path) -> Result<(), String> {
    let manifest = copy.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(|error| error.to_string())?;
    let text = text.replace(r#", "benches"]"#, "]");
    fs::write(&manifest, text).map_err(|error| error.to_string())
}

fn build(copy: &Path, target: &Path) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(copy.join("loom-tests/shuttle/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .env("RUSTFLAGS", "--cfg millstream_shuttle --cfg millstream_census")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if output.status.success() {
        Ok(target.join("release/millstream-schedules"))
    } else {
        Err(format!("it does not build: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

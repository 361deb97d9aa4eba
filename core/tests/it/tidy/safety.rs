//! Where there is no `unsafe`, there can be none: a room without a lock-free type forbids it, and so does every
//! program. Nor is there code that only some systems can compile, unless it says so.

use super::rules::Finding;
use super::source::Source;
use std::collections::BTreeMap;

/// Rooms (folders directly in a library's sources, and files beside them) and programs that allow what they do not
/// need.
pub(super) fn forbidding(sources: &BTreeMap<String, Source>) -> Vec<Finding> {
    let roots = sources.values().filter_map(|source| Some((source, reach(&source.path)?)));
    let lax = roots.filter(|(root, reach)| {
        let uses =
            |source: &&Source| mentions(source, &["expect(unsafe_code", "allow(unsafe_code"]);
        let mut room = sources.values().filter(|source| source.path.starts_with(reach));
        room.all(|source| !uses(&source)) && !mentions(root, &["#![forbid(unsafe_code)]"])
    });
    let what = "nothing below it needs `unsafe`: it begins with `#![forbid(unsafe_code)]`";
    lax.map(|(root, _)| Finding::new("forbid", root, 0, what)).collect()
}

/// What is below a file that begins a room or a program: what its path begins with.
fn reach(path: &str) -> Option<&str> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        ["core" | "reclaim", "src", "lib.rs"] => None,
        ["core" | "reclaim", "src", _, "mod.rs"] => path.strip_suffix("mod.rs"),
        ["core" | "reclaim", "src", _] | ["core", "src", "bin", _] => Some(path),
        ["core", "examples", _] | ["benches", "src", "bin", _] | ["benches", "benches", _] => {
            Some(path)
        }
        ["benches", "src", "lib.rs"] => path.strip_suffix("lib.rs"),
        _ => None,
    }
}

fn mentions(source: &Source, texts: &[&str]) -> bool {
    source.lines.iter().any(|line| texts.iter().any(|text| line.code.contains(text)))
}

/// Names that not every system has.
const OF_SOME_SYSTEMS: &[&str] = &["os::unix", "os::fd", "os::linux", "os::windows", "rustix::"];
const SIGNALS_OF_SOME_SYSTEMS: &[&str] = &["signal::unix", "signal::windows", "libc::"];

/// Code for some systems without a `cfg` around it.
pub(super) fn portable(source: &Source, found: &mut Vec<Finding>) {
    if source.is_test() {
        return;
    }
    let (mut depth, mut covered): (i32, Option<i32>) = (0, None);
    for (at, line) in source.lines.iter().enumerate() {
        let code = line.code.trim();
        let asks = code.starts_with("#[cfg(")
            && ["unix", "windows", "target_os"].iter().any(|system| code.contains(system));
        if asks && covered.is_none() {
            covered = Some(depth);
            continue;
        }
        let mut names = OF_SOME_SYSTEMS.iter().chain(SIGNALS_OF_SOME_SYSTEMS);
        if covered.is_none()
            && let Some(name) = names.find(|name| code.contains(**name))
        {
            let what = format!("`{name}` without a `cfg` for the systems that have it");
            found.push(Finding::new("portable", source, at + 1, what));
        }
        let before = depth;
        depth += code.matches('{').count() as i32 - code.matches('}').count() as i32;
        let ends = code.ends_with(['}', ';', ',']) || before > depth;
        if covered == Some(depth) && ends && !code.starts_with("#[") {
            covered = None;
        }
    }
}

//! Walks the workspace and applies every rule.

use super::allowed::{ALLOWED, Allowed};
use super::orderings::{self, Tree};
use super::rules::{self, Finding};
use super::safety;
use super::source::Source;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The folders that are looked at, from the workspace's root. The last ones are absent where the package is tested
/// on its own.
const FOLDERS: &[&str] = &["core/src", "core/tests", "core/examples", "reclaim/src", "benches"];

#[test]
fn sources_are_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = BTreeMap::new();
    for folder in FOLDERS {
        read_folder(&root, folder, &mut sources);
    }
    assert!(sources.len() > 1, "no sources below {}", root.display());
    let models = read_models(&root.join("loom-tests/tests/models"));

    let tree = Tree { sources: &sources, models: &models };
    let found = sources.values().flat_map(|source| {
        let mut found = rules::check(source);
        found.extend(orderings::check(source, &tree));
        found.extend(twin_folder(source, &sources));
        found
    });
    let found = found.chain(safety::forbidding(&sources));
    let left = without_allowed(found.collect(), ALLOWED);
    let list: Vec<String> =
        left.iter().map(|f| format!("{}:{}: [{}] {}", f.path, f.line, f.rule, f.what)).collect();
    assert!(list.is_empty(), "{} against the rules:\n{}", list.len(), list.join("\n"));
}

/// `folder.rs` beside `folder/`.
fn twin_folder(source: &Source, sources: &BTreeMap<String, Source>) -> Option<Finding> {
    let folder = format!("{}/", source.path.trim_end_matches(".rs"));
    let twin = sources.keys().any(|path| path.starts_with(&folder));
    twin.then(|| Finding::new("names", source, 0, format!("`{folder}` is beside it; use mod.rs")))
}

/// Takes out what is allowed, and adds each exception that nothing needs.
pub(super) fn without_allowed(found: Vec<Finding>, allowed: &[Allowed]) -> Vec<Finding> {
    let covers =
        |entry: &Allowed, f: &Finding| entry.rule == f.rule && f.path.starts_with(entry.path);
    let stale = allowed.iter().filter(|entry| !found.iter().any(|f| covers(entry, f)));
    let stale: Vec<Finding> = stale
        .map(|entry| Finding {
            rule: "allowed",
            path: entry.path.to_owned(),
            line: 0,
            what: format!("nothing needs its exception from `{}` ({})", entry.rule, entry.reason),
        })
        .collect();
    found
        .into_iter()
        .filter(|f| !allowed.iter().any(|entry| covers(entry, f)))
        .chain(stale)
        .collect()
}

/// Reads every Rust file below a folder.
fn read_folder(root: &Path, folder: &str, sources: &mut BTreeMap<String, Source>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else {
        return;
    };
    for entry in entries.map(|entry| entry.expect("the folder can be listed")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            read_folder(root, &path, sources);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).expect("a source is UTF-8");
            let source = Source::new(&path, &text);
            sources.insert(path, source);
        }
    }
}

/// Reads the model files, by name.
fn read_models(folder: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeMap::new();
    };
    let paths = entries.map(|entry| entry.expect("the folder can be listed").path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (stem, fs::read_to_string(path).expect("a model is UTF-8"))
        })
        .collect()
}

//! The rules that look at one file on its own.

use super::allowed::PROTOCOL_NAMES;
use super::safety;
use super::source::{Source, words};

/// Something against a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) rule: &'static str,
    pub(super) path: String,
    /// Counted from 1; 0 when it is the file as a whole.
    pub(super) line: usize,
    pub(super) what: String,
}

impl Finding {
    pub(super) fn new(
        rule: &'static str,
        source: &Source,
        line: usize,
        what: impl Into<String>,
    ) -> Self {
        Self { rule, path: source.path.clone(), line, what: what.into() }
    }
}

/// Most lines of a file, tests apart.
const LINES_MAX: usize = 500;
/// Most columns of a line of code.
const CODE_COLUMNS_MAX: usize = 100;
/// Most columns of a line of comment; a table's row may be longer.
const COMMENT_COLUMNS_MAX: usize = 120;

/// Everything that one file does against the rules that need no other file.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    let rules = [length, columns, facade, leftovers, doc_examples, names, mod_files, test_habits];
    for rule in rules.into_iter().chain([safety::portable as fn(&Source, &mut Vec<Finding>)]) {
        rule(source, &mut found);
    }
    found
}

fn length(source: &Source, found: &mut Vec<Finding>) {
    if source.lines.len() > LINES_MAX && !source.is_test() {
        let what = format!("{} lines, at most {LINES_MAX}", source.lines.len());
        found.push(Finding::new("length", source, 0, what));
    }
}

fn columns(source: &Source, found: &mut Vec<Finding>) {
    if source.is_test() {
        return;
    }
    for (at, line) in source.lines.iter().enumerate() {
        let text = line.comment.trim_start_matches(['/', '!', '*', ' ']);
        let limit =
            if line.code.trim().is_empty() { COMMENT_COLUMNS_MAX } else { CODE_COLUMNS_MAX };
        let excused = line.has_string || text.starts_with('|') || text.contains("http");
        if line.columns > limit && !excused {
            let what = format!("{} columns, at most {limit}", line.columns);
            found.push(Finding::new("columns", source, at + 1, what));
        }
    }
}

/// Atomics and locks come from `millstream_reclaim::sync`, so that a model can exchange them.
fn facade(source: &Source, found: &mut Vec<Finding>) {
    if source.is_test() {
        return;
    }
    for (at, statement) in statements(source) {
        let packed: String = statement.chars().filter(|c| !c.is_whitespace()).collect();
        // The last one is the facade's own: a lock in it is a lock all the same.
        for root in ["std::sync::", "core::sync::", "loom::", "parking_lot::", "workers::"] {
            let any = matches!(root, "loom::" | "parking_lot::");
            let mut all = packed.match_indices(root);
            if all.any(|(place, _)| any || names_a_lock(&packed[place + root.len()..])) {
                let what = format!("`{root}` names an atomic or a lock outside the facade");
                found.push(Finding::new("facade", source, at, what));
            }
        }
    }
}

/// Whether the name, or the group of names, that the text begins with has an atomic or a lock in it.
fn names_a_lock(named: &str) -> bool {
    let group_end = if named.starts_with('{') { named.find('}') } else { named.find(';') };
    let named = &named[..group_end.unwrap_or(named.len())];
    words(named).any(|word| ["atomic", "Mutex", "RwLock", "Condvar"].contains(&word))
}

/// The code cut at `;`, each piece with the number of the line it starts on.
fn statements(source: &Source) -> Vec<(usize, String)> {
    let mut pieces = vec![(1, String::new())];
    for (at, line) in source.lines.iter().enumerate() {
        for part in line.code.split_inclusive(';') {
            let Some(piece) = pieces.last_mut() else {
                continue;
            };
            if piece.1.trim().is_empty() {
                piece.0 = at + 1;
            }
            piece.1.push_str(part);
            if part.ends_with(';') {
                pieces.push((at + 1, String::new()));
            }
        }
    }
    pieces
}

fn leftovers(source: &Source, found: &mut Vec<Finding>) {
    let speaks = ["/bin/", "/cli/", "benches/"];
    let may_print = source.is_test() || speaks.iter().any(|part| source.path.contains(part));
    for (at, line) in source.lines.iter().enumerate() {
        for mark in ["TODO", "FIXME", "XXX"] {
            if words(&line.comment).any(|word| word == mark) {
                found.push(Finding::new(
                    "leftovers",
                    source,
                    at + 1,
                    format!("`{mark}` in a comment"),
                ));
            }
        }
        for called in ["dbg", "todo", "print", "println", "eprint", "eprintln"] {
            let prints = called.contains("print");
            if calls_macro(&line.code, called) && !(prints && may_print) {
                found.push(Finding::new("leftovers", source, at + 1, format!("`{called}!`")));
            }
        }
    }
}

fn calls_macro(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let joined = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !joined && code[at + name.len()..].starts_with('!')
    })
}

fn doc_examples(source: &Source, found: &mut Vec<Finding>) {
    for (at, line) in source.lines.iter().enumerate() {
        let Some((_, info)) = line.comment.split_once("```") else {
            continue;
        };
        if words(info).any(|word| word == "ignore") {
            let what = "an example that is never compiled; make it compile, or `text`";
            found.push(Finding::new("doc-examples", source, at + 1, what));
        }
    }
}

fn names(source: &Source, found: &mut Vec<Finding>) {
    const VAGUE: &[&str] = &["common", "helper", "helpers", "inner", "misc", "util", "utils"];
    if VAGUE.contains(&source.stem()) {
        let what = format!("`{}` says nothing about what is in it", source.stem());
        found.push(Finding::new("names", source, 0, what));
    }
    for (at, line) in source.lines.iter().enumerate() {
        let list: Vec<&str> = words(&line.code).collect();
        for pair in list.windows(2) {
            let (kind, name) = (pair[0], pair[1]);
            let allowed = PROTOCOL_NAMES.contains(&name);
            let what = match kind {
                "fn" if name.starts_with("get_") && !allowed && !source.is_test() => {
                    format!("`{name}`: methods are named without `get_`")
                }
                "struct" | "enum" | "trait"
                    if name.ends_with("Manager") && name != "BackfillManager" =>
                {
                    format!("`{name}`: the only manager is `BackfillManager`")
                }
                "struct" | "enum" | "trait" | "mod"
                    if VAGUE.contains(&name.to_lowercase().as_str()) =>
                {
                    format!("`{name}` says nothing about what it is")
                }
                _ => continue,
            };
            found.push(Finding::new("names", source, at + 1, what));
        }
    }
}

/// A `mod.rs` holds docs, `mod` and `use`.
fn mod_files(source: &Source, found: &mut Vec<Finding>) {
    if !source.path.ends_with("/mod.rs") || source.is_test() {
        return;
    }
    for (at, line) in source.lines.iter().enumerate() {
        let item = ["fn", "struct", "enum", "trait", "impl", "const", "static", "type"];
        let code = line.code.trim_start();
        if let Some(word) =
            words(code).find(|word| !["pub", "crate", "unsafe", "async"].contains(word))
            && item.contains(&word)
            && !code.starts_with('#')
        {
            let what = format!("a `{word}` in a mod.rs, which holds docs, `mod` and `use` only");
            found.push(Finding::new("mod-files", source, at + 1, what));
        }
    }
}

fn test_habits(source: &Source, found: &mut Vec<Finding>) {
    if !source.is_test() {
        return;
    }
    for (at, line) in source.lines.iter().enumerate() {
        if line.code.contains("sleep(") {
            found.push(Finding::new("test-habits", source, at + 1, "a test that sleeps"));
        }
        if line.code.contains("#[ignore") {
            found.push(Finding::new("test-habits", source, at + 1, "a test that is never run"));
        }
    }
}

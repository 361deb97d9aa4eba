//! The rules about lock-free files: each access is labelled, each label is in the table, each file has a model.

use super::rules::Finding;
use super::source::{Line, Source, words};
use std::collections::{BTreeMap, BTreeSet};

/// What the rules need to know of the other files.
pub(super) struct Tree<'a> {
    /// Every source, by path.
    pub(super) sources: &'a BTreeMap<String, Source>,
    /// Every model file's text, by its name without extension.
    pub(super) models: &'a BTreeMap<String, String>,
}

/// The rows of an `# Orderings` table.
#[derive(Debug, Default)]
struct Table {
    labels: BTreeSet<String>,
    /// Models that a row names, with the row's line.
    models: Vec<(usize, String)>,
}

const ORDERINGS: &[&str] = &["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];
/// How many lines of one expression may stand between an access and the comment above it.
const LINES_UP_MAX: usize = 12;

/// Everything that one file does against the rules about lock-free files.
pub(super) fn check(source: &Source, tree: &Tree<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if source.is_test() {
        return found;
    }
    labels(source, &known_labels(source, tree), &mut found);
    if let Some(table) = table(source) {
        models(source, &table, tree, &mut found);
    }
    found
}

/// The labels of every table in the file's folder: one type may be written in several files.
fn known_labels(source: &Source, tree: &Tree<'_>) -> BTreeSet<String> {
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let here = folder(&source.path);
    let siblings = tree.sources.values().filter(|other| folder(&other.path) == here);
    siblings.filter_map(table).flat_map(|table| table.labels).collect()
}

fn labels(source: &Source, known: &BTreeSet<String>, found: &mut Vec<Finding>) {
    for (at, line) in source.lines.iter().enumerate() {
        let code = line.code.trim_start();
        if !words(code).any(|word| ORDERINGS.contains(&word)) || is_import(&source.lines, at) {
            continue;
        }
        let above = comments_of(&source.lines, at);
        let given: Vec<&str> = above.iter().filter_map(|text| label(text)).collect();
        if given.is_empty() {
            let what = "an ordering with no label in the comment above it";
            found.push(Finding::new("orderings", source, at + 1, what));
        }
        for name in given.into_iter().filter(|name| !known.contains(*name)) {
            let what = format!("label {name} is in no table of orderings of this folder");
            found.push(Finding::new("orderings", source, at + 1, what));
        }
    }
}

/// Whether the line belongs to a `use`.
fn is_import(lines: &[Line], at: usize) -> bool {
    let start = lines[..at]
        .iter()
        .rposition(|line| line.code.trim_end().ends_with(';'))
        .map_or(0, |before| before + 1);
    let statement = lines[start..=at].iter().find(|line| {
        let code = line.code.trim();
        !code.is_empty() && !code.starts_with('#')
    });
    statement.is_some_and(|line| {
        let code = line.code.trim_start();
        code.starts_with("use ") || (code.starts_with("pub") && code.contains("use "))
    })
}

/// The comments on a line, in the expression before it, and in the block right above that.
fn comments_of(lines: &[Line], at: usize) -> Vec<&str> {
    let mut comments = vec![lines[at].comment.trim()];
    let mut up = at;
    let mut above_expression = false;
    while up > 0 && at - up < LINES_UP_MAX {
        up -= 1;
        let line = &lines[up];
        let code = line.code.trim();
        let only_comment = code.is_empty() && !line.comment.is_empty();
        if only_comment {
            comments.push(line.comment.trim());
            above_expression = true;
        } else if above_expression || code.is_empty() || code.ends_with([';', '{', '}']) {
            break;
        } else {
            comments.push(line.comment.trim());
        }
    }
    comments
}

/// The label that a comment opens with: a capital letter and a number.
fn label(comment: &str) -> Option<&str> {
    let text = comment.trim_start_matches('/').trim_start();
    let word = text.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    is_label(word).then_some(word)
}

fn is_label(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase())
        && !chars.as_str().is_empty()
        && chars.all(|c| c.is_ascii_digit())
}

/// The file's table, if its docs have one; one that says "none" is no table.
fn table(source: &Source) -> Option<Table> {
    let docs = source.lines.iter().enumerate().filter_map(|(at, line)| {
        line.comment.trim_start().strip_prefix("//!").map(|text| (at + 1, text.trim()))
    });
    let mut rows = docs.skip_while(|(_, text)| *text != "# Orderings");
    rows.next()?;
    let mut table = Table::default();
    for (at, text) in rows.take_while(|(_, text)| !text.starts_with("# ")) {
        let cells: Vec<&str> = text.trim_matches('|').split('|').map(str::trim).collect();
        if !text.starts_with('|') || !is_label(cells[0]) {
            continue;
        }
        table.labels.insert(cells[0].to_owned());
        let named = cells[cells.len() - 1].split('`').skip(1).step_by(2);
        table.models.extend(named.map(|model| (at, model.to_owned())));
    }
    (!table.labels.is_empty()).then_some(table)
}

/// A lock-free file has a model file of its own name or its folder's, and the models it names exist.
fn models(source: &Source, table: &Table, tree: &Tree<'_>, found: &mut Vec<Finding>) {
    let names = [source.stem(), source.folder()];
    if !names.iter().any(|name| tree.models.contains_key(*name)) {
        let what = format!("no model in loom-tests/tests/models/{}.rs", source.stem());
        found.push(Finding::new("models", source, 0, what));
    }
    for (at, model) in &table.models {
        let exists = model.split_once("::").is_some_and(|(file, function)| {
            let text = tree.models.get(file);
            text.is_some_and(|text| text.contains(&format!("fn {function}(")))
        });
        if !exists {
            found.push(Finding::new("models", source, *at, format!("there is no model `{model}`")));
        }
    }
}

//! The table of the race catalogue: it is whole, and every check that it names exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// How many rows each part of the catalogue has.
const PARTS: [(char, usize); 9] = [
    ('A', 23),
    ('B', 18),
    ('C', 16),
    ('D', 14),
    ('E', 14),
    ('F', 6),
    ('G', 12),
    ('H', 6),
    ('I', 7),
];
/// The rows that were to become tests first.
const STARRED: [&str; 43] = [
    "A1", "A2", "A3", "A4", "A5", "A6", "A9", "A11", "A15", "A16", "A21", "B1", "B2", "B3", "B4",
    "B5", "B12", "B13", "C1", "C2", "C3", "C4", "C5", "C7", "C14", "D1", "D2", "E1", "E2", "E3",
    "E4", "E13", "F1", "F2", "G1", "G2", "G5", "G9", "G10", "H1", "H3", "I1", "I2",
];

/// A row, with its checks apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    id: String,
    starred: bool,
    race: String,
    shape: String,
    answer: String,
    tests: Vec<String>,
    models: Vec<String>,
    /// Why it, or a part of it, cannot be here.
    absent: Option<String>,
}

/// Reads a line of the table; `None` if it is none, an error if it is not as it should be.
fn row(line: &str) -> Option<Result<Row, String>> {
    let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
    let mut words = cells[0].split(' ');
    let id = words.next().unwrap_or_default();
    let (part, number) = id.split_at_checked(1)?;
    if !part.starts_with(|c: char| ('A'..='I').contains(&c)) || number.parse::<usize>().is_err() {
        return None;
    }
    let [_, race, shape, answer, check, ""] = cells[..] else {
        return Some(Err(format!("{id}: {} columns", cells.len() - 1)));
    };
    let mut row = Row {
        id: id.into(),
        starred: words.next() == Some("★"),
        race: race.into(),
        shape: shape.into(),
        answer: answer.into(),
        ..Row::default()
    };
    let (named, absent) = match check.split_once("absent:") {
        Some((named, why)) => (named, Some(why.trim())),
        None => (check, None),
    };
    row.absent = absent.map(String::from);
    for check in named.split([',', ';']).map(str::trim).filter(|check| !check.is_empty()) {
        let (kind, name) = check.split_once(' ').unwrap_or((check, ""));
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else {
            return Some(Err(format!("{id}: `{check}` is neither a test nor a model")));
        };
        match kind {
            "test" => row.tests.push(name.into()),
            "model" => row.models.push(name.into()),
            _ => return Some(Err(format!("{id}: `{check}` is neither a test nor a model"))),
        }
    }
    Some(Ok(row))
}

/// What is wrong with a row by itself.
fn faults(row: &Row, shapes: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{}: {what}", row.id));
    if row.race.is_empty() {
        fault("no race".into());
    }
    for shape in row.shape.split(", ") {
        if !shapes.contains(shape) {
            fault(format!("`{shape}` is no shape of the legend"));
        }
    }
    if row.tests.is_empty() && row.models.is_empty() && row.absent.is_none() {
        fault("nothing checks it, and nothing says why".into());
    }
    if row.answer.is_empty() && row.absent.is_none() {
        fault("no answer".into());
    }
    if row.absent.as_ref().is_some_and(|why| why.len() < 10) {
        fault("absent for no reason".into());
    }
    if row.starred != STARRED.contains(&row.id.as_str()) {
        fault("its star".into());
    }
    let own = format!("{}_", row.id.to_lowercase());
    let has_own = row.tests.iter().any(|test| test.starts_with(&own));
    if row.starred && !has_own && (row.absent.is_none() || !row.tests.is_empty()) {
        fault("no test bears its number, and it is not said to be absent".into());
    }
    faults
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file of that ending below a folder, with its text.
fn texts(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries.map(|entry| entry.expect("the folder can be listed")) {
        let path = entry.path();
        if path.is_dir() {
            texts(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).expect("a source is UTF-8");
            found.insert(path, text);
        }
    }
}

/// The tests of the workspace: functions below `#[test]` or a runtime's.
fn tests_of(text: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_test = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    let starts: Vec<usize> = (0..lines.len()).filter(|at| is_test(lines[*at])).collect();
    starts.into_iter().filter_map(move |at| {
        let line = lines[at + 1..].iter().find(|line| !line.starts_with('#'))?;
        let (_, name) = line.split_once("fn ")?;
        name.split('(').next()
    })
}

#[test]
fn the_race_catalogue_is_whole_and_every_check_exists() {
    let page = root().join("docs/src/verification/race-catalogue.md");
    let page = fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    let read: Result<Vec<Row>, String> = page.lines().filter_map(row).collect();
    let rows = read.expect("every row is read");

    let expected: Vec<String> = PARTS
        .iter()
        .flat_map(|(part, rows)| (1..=*rows).map(move |n| format!("{part}{n}")))
        .collect();
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    assert_eq!(expected.len(), 116);
    assert_eq!(ids, expected, "each id of the catalogue once, in its order");

    // The legend of the shapes.
    let legend =
        page.lines().skip_while(|line| !line.starts_with("| shape | the mistake |")).skip(2);
    let legend = legend.take_while(|line| line.starts_with('|'));
    let shapes: BTreeSet<String> =
        legend.filter_map(|line| line.split('|').nth(1)).map(|cell| cell.trim().into()).collect();
    let mut wrong: Vec<String> = rows.iter().flat_map(|row| faults(row, &shapes)).collect();

    let mut sources = BTreeMap::new();
    for folder in ["core/src", "core/tests", "reclaim/src", "reclaim/tests"] {
        texts(&root().join(folder), &mut sources);
    }
    let tests: BTreeSet<&str> = sources.values().flat_map(|text| tests_of(text)).collect();
    let mut models = BTreeMap::new();
    texts(&root().join("loom-tests/tests/models"), &mut models);
    let is_model = |name: &str| {
        let Some((file, function)) = name.split_once("::") else { return false };
        let text = models.get(&root().join(format!("loom-tests/tests/models/{file}.rs")));
        text.is_some_and(|text| text.contains(&format!("fn {function}()")))
    };
    for row in &rows {
        let missing = row.tests.iter().filter(|test| !tests.contains(test.as_str()));
        wrong.extend(missing.map(|test| format!("{}: there is no test `{test}`", row.id)));
        let missing = row.models.iter().filter(|model| !is_model(model));
        wrong.extend(missing.map(|model| format!("{}: there is no model `{model}`", row.id)));
    }
    // And back: what is named like a row's test is in the row.
    let listed: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.tests.iter().map(String::as_str)).collect();
    let folder = root().join("core/src/races");
    let of_rows = sources.iter().filter(|(path, _)| path.starts_with(&folder));
    let of_rows = of_rows.flat_map(|(_, text)| tests_of(text)).filter(|test| {
        let number = test.split('_').next().unwrap_or_default().to_uppercase();
        expected.contains(&number)
    });
    let of_rows: BTreeSet<&str> = of_rows.collect();
    wrong.extend(of_rows.difference(&listed).map(|test| format!("`{test}` is in no row")));
    assert!(wrong.is_empty(), "{} against the rules:\n{}", wrong.len(), wrong.join("\n"));

    let starred = rows.iter().filter(|row| row.starred);
    let tested = starred.clone().filter(|row| !row.tests.is_empty()).count();
    let absent = rows.iter().filter(|row| row.tests.is_empty() && row.models.is_empty()).count();
    println!(
        "race catalogue: {} rows, {} starred ({tested} tested, by {} tests that bear a row's \
         number), {absent} rows absent",
        rows.len(),
        starred.count(),
        of_rows.len(),
    );
}

#[test]
fn a_row_that_is_not_as_it_should_be_is_found() {
    let shapes = BTreeSet::from(["teardown".to_string()]);
    let of = |line: &str| row(line).map(|row| row.map(|row| faults(&row, &shapes)));
    let good = "| A1 ★ | a race | teardown | an answer | test `a1_x`, model `a::b`; absent: for a good reason |";
    assert_eq!(of(good), Some(Ok(vec![])));
    assert_eq!(of("| id | race | shape | answer | check |"), None);
    assert_eq!(of("| a line of another table | that begins with no id |"), None);
    for (line, what) in [
        ("| A1 ★ | a race | teardown | an answer |", "columns"),
        ("| A1 ★ | a race | teardown | an answer | `a1_x` |", "neither"),
        ("| A1 ★ | a race | teardown | an answer | test a1_x |", "neither"),
    ] {
        let Some(Err(found)) = of(line) else { panic!("`{line}` is read") };
        assert!(found.contains(what), "{found}");
    }
    for (line, what) in [
        ("| A7 ★ | a race | teardown | an answer | test `a7_x` |", "star"),
        ("| A1 | a race | teardown | an answer | test `a1_x` |", "star"),
        ("| A1 ★ | | teardown | an answer | test `a1_x` |", "no race"),
        ("| A1 ★ | a race | fate | an answer | test `a1_x` |", "no shape"),
        ("| A1 ★ | a race | teardown | an answer | test `a2_x` |", "bears its number"),
        ("| A1 ★ | a race | teardown | an answer | model `a::b` |", "bears its number"),
        ("| A7 | a race | teardown | an answer | |", "nothing checks it"),
        ("| A7 | a race | teardown | | test `x` |", "no answer"),
        ("| A7 | a race | teardown | | absent: so |", "no reason"),
    ] {
        let Some(Ok(found)) = of(line) else { panic!("`{line}` is not read") };
        assert!(found.iter().any(|found| found.contains(what)), "{line}: {found:?}");
    }
}

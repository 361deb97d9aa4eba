//! The table of behaviours: it is whole, every test that it names exists, and few of the important ones are left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// How many behaviours there are.
const BEHAVIOURS: usize = 125;
/// The most important ones.
const STARRED: [usize; 40] = [
    1, 2, 3, 4, 5, 6, 8, 10, 11, 13, 15, 19, 22, 35, 36, 45, 46, 47, 48, 50, 54, 55, 57, 58, 63,
    68, 70, 71, 75, 78, 79, 80, 81, 93, 94, 95, 100, 108, 110, 116,
];
/// So many of them may come later.
const STARRED_LATER_MAX: usize = 5;

/// How a behaviour is shown, or why it is not.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    By(Vec<String>),
    Later,
    NotApplicable,
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    number: usize,
    starred: bool,
    shown: Shown,
    /// Tests that are named in a reason.
    touched: Vec<String>,
}

/// Reads a line of the table; `None` if it is none, an error if it is not as it should be.
fn row(line: &str) -> Option<Result<Row, String>> {
    let cells: Vec<&str> = line.strip_prefix("| B")?.split(" | ").collect();
    let mut words = cells[0].split(' ');
    let number = words.next()?.parse().ok()?;
    let starred = words.next() == Some("★");
    let [_, behaviour, shown] = cells[..] else {
        return Some(Err(format!("B{number}: {} columns", cells.len())));
    };
    let Some(shown) = shown.strip_suffix(" |") else {
        return Some(Err(format!("B{number}: it does not end")));
    };
    if behaviour.len() < 10 {
        return Some(Err(format!("B{number}: no behaviour")));
    }
    let tests = |text: &str| -> Vec<String> {
        let spans = text.split('`').skip(1).step_by(2);
        spans.filter(|span| span.contains(".rs::")).map(String::from).collect()
    };
    let reason = |kind: &str| shown.strip_prefix(kind);
    let (kind, reason) = match (reason("later: "), reason("not applicable: ")) {
        (Some(why), _) => (Shown::Later, why),
        (_, Some(why)) => (Shown::NotApplicable, why),
        _ => {
            let (named, note) = shown.split_once("; ").unwrap_or((shown, ""));
            let tests = tests(named);
            if tests.is_empty() {
                return Some(Err(format!("B{number}: no test, and no reason")));
            }
            (Shown::By(tests), note)
        }
    };
    if kind == Shown::NotApplicable && reason.len() < 10
        || reason.is_empty() && kind == Shown::Later
    {
        return Some(Err(format!("B{number}: no reason")));
    }
    Some(Ok(Row { number, starred, shown: kind, touched: tests(reason) }))
}

/// Whether a test of that name is in that file.
fn exists(root: &Path, texts: &mut BTreeMap<String, String>, test: &str) -> bool {
    let Some((file, name)) = test.split_once("::") else { return false };
    let text = texts
        .entry(file.to_owned())
        .or_insert_with(|| fs::read_to_string(root.join(file)).unwrap_or_default());
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let declared = [format!("fn {name}("), format!("async fn {name}(")];
    lines.iter().enumerate().any(|(at, line)| {
        declared.iter().any(|declared| line.starts_with(declared))
            && lines[..at]
                .iter()
                .rev()
                .take_while(|above| above.starts_with('#'))
                .any(|above| above.starts_with("#[test]") || above.starts_with("#[tokio::test"))
    })
}

#[test]
fn every_behaviour_has_its_row_and_every_test_of_it_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = root.join("docs/src/protocol/conformance.md");
    let page = fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    let rows: Result<Vec<Row>, String> = page.lines().filter_map(row).collect();
    let rows = rows.expect("every row is read");
    let numbers: Vec<usize> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=BEHAVIOURS).collect::<Vec<_>>(), "each once, in its order");
    let starred: Vec<usize> = rows.iter().filter(|row| row.starred).map(|row| row.number).collect();
    assert_eq!(starred, STARRED, "their stars");

    let mut texts = BTreeMap::new();
    let mut wrong = BTreeSet::new();
    for row in &rows {
        let named = match &row.shown {
            Shown::By(tests) => tests.as_slice(),
            Shown::Later | Shown::NotApplicable => &[],
        };
        for test in named.iter().chain(&row.touched) {
            if !exists(&root, &mut texts, test) {
                wrong.insert(format!("B{}: there is no test `{test}`", row.number));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let count = |shown: fn(&Shown) -> bool| rows.iter().filter(|row| shown(&row.shown)).count();
    let later = |row: &&Row| row.shown == Shown::Later;
    let starred_later: Vec<usize> =
        rows.iter().filter(|row| row.starred).filter(later).map(|row| row.number).collect();
    println!(
        "behaviours: {} shown, {} later, {} not applicable; of the starred later: {starred_later:?}",
        count(|shown| matches!(shown, Shown::By(_))),
        count(|shown| *shown == Shown::Later),
        count(|shown| *shown == Shown::NotApplicable),
    );
    assert!(starred_later.len() <= STARRED_LATER_MAX, "{starred_later:?}");
    let starred_absent = rows.iter().filter(|row| row.starred);
    let starred_absent = starred_absent.filter(|row| row.shown == Shown::NotApplicable);
    assert_eq!(starred_absent.count(), 0, "what is important applies");
}

#[test]
fn a_row_that_is_not_as_it_should_be_is_found() {
    let good = "| B1 ★ | two closers at once | `core/src/a.rs::b`, `core/src/c.rs::d`; a note on `core/src/e.rs::f` |";
    let Some(Ok(read)) = row(good) else { panic!("{:?}", row(good)) };
    assert_eq!((read.number, read.starred), (1, true));
    let tests = ["core/src/a.rs::b", "core/src/c.rs::d"].map(String::from);
    assert_eq!(read.shown, Shown::By(tests.to_vec()));
    assert_eq!(read.touched, ["core/src/e.rs::f"]);
    assert_eq!(row("| id | behaviour | shown by |"), None);
    for (line, what) in [
        ("| B1 | two closers at once |", "columns"),
        ("| B1 | two closers at once | `core/src/a.rs` |", "no test"),
        ("| B1 | two closers at once | it is so |", "no test"),
        ("| B1 | short | `core/src/a.rs::b` |", "no behaviour"),
        ("| B1 | two closers at once | not applicable: no |", "no reason"),
        ("| B1 | two closers at once | later:  |", "no reason"),
        ("| B1 | two closers at once | `core/src/a.rs::b`", "does not end"),
    ] {
        let Some(Err(found)) = row(line) else { panic!("`{line}` is read: {:?}", row(line)) };
        assert!(found.contains(what), "{line}: {found}");
    }
}

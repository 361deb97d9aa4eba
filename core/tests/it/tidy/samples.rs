//! Each rule fails on a small file that breaks it, and passes one that does not.

use super::allowed::Allowed;
use super::orderings::{self, Tree};
use super::rules::{self, Finding};
use super::safety;
use super::source::Source;
use super::tree::without_allowed;
use std::collections::BTreeMap;

fn rules_of(path: &str, text: &str) -> Vec<&'static str> {
    rules::check(&Source::new(path, text)).into_iter().map(|f| f.rule).collect()
}

fn findings(path: &str, text: &str) -> Vec<String> {
    rules::check(&Source::new(path, text)).into_iter().map(|f| f.what).collect()
}

/// The findings about orderings of the first file, with the others and the models around it.
fn orderings_of(files: &[(&str, &str)], models: &[(&str, &str)]) -> Vec<Finding> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    let sources = files.iter().map(|(path, text)| ((*path).to_owned(), Source::new(path, text)));
    let sources: BTreeMap<String, Source> = sources.collect();
    let models = models.iter().map(owned).collect();
    orderings::check(&sources[files[0].0], &Tree { sources: &sources, models: &models })
}

#[test]
fn strings_and_comments_are_not_code() {
    let text = "let a = \"// dbg!(1)\"; // println!\nlet b = r#\"todo!() \" \"#; /* dbg!(2) */ f('\"', 'a);";
    let source = Source::new("core/src/a.rs", text);
    assert_eq!(source.lines[0].code.trim(), "let a = \"\";");
    assert_eq!(source.lines[0].comment, "// println!");
    assert_eq!(source.lines[1].code, "let b = \"\";  f(, 'a);");
    assert!(rules::check(&source).is_empty());
}

#[test]
fn a_string_may_cross_lines() {
    let source = Source::new("core/src/a.rs", "let a = \"one\n  dbg!(two) \\\" three\"; four");
    assert_eq!(source.lines[1].code, "\"; four");
    assert!(source.lines[1].has_string);
}

#[test]
fn a_long_file_is_found_unless_it_is_a_test() {
    let text = "x\n".repeat(501);
    assert_eq!(rules_of("core/src/log/tail.rs", &text), ["length"]);
    assert!(rules_of("core/src/log/tests.rs", &text).is_empty());
    assert!(rules_of("core/src/log/tail.rs", &"x\n".repeat(500)).is_empty());
}

#[test]
fn a_long_line_is_found_unless_it_is_a_table_or_a_string() {
    let wide = "a ".repeat(55);
    assert_eq!(rules_of("core/src/a.rs", &wide), ["columns"]);
    assert!(rules_of("core/src/a.rs", &format!("f(\"{wide}\")")).is_empty());
    assert!(rules_of("core/src/a.rs", &format!("// {wide}")).is_empty());
    assert_eq!(rules_of("core/src/a.rs", &format!("// {wide} and so much more")), ["columns"]);
    assert!(rules_of("core/src/a.rs", &format!("//! | {wide} | and so much more |")).is_empty());
}

#[test]
fn atomics_and_locks_outside_the_facade_are_found() {
    for bad in [
        "use std::sync::atomic::AtomicU64;",
        "use core::sync::atomic::{AtomicU64, Ordering};",
        "use std::sync::{Arc, Mutex};",
        "use std::sync::{\n    Arc,\n    RwLock,\n};",
        "fn f(a: &std::sync::Mutex<u8>) {}",
        "use parking_lot::Mutex;",
        "use loom::thread;",
    ] {
        assert_eq!(rules_of("core/src/a.rs", bad), ["facade"], "{bad}");
    }
    for good in [
        "use std::sync::Arc;\nuse millstream_reclaim::sync::{Mutex, atomic::AtomicU64};",
        "use std::sync::{Arc, Weak};\nstruct RwLockish;",
        "// std::sync::Mutex would block",
    ] {
        assert!(rules_of("core/src/a.rs", good).is_empty(), "{good}");
    }
    assert!(rules_of("core/src/a/tests.rs", "use std::sync::Mutex;").is_empty());
}

#[test]
fn leftovers_are_found() {
    let marks = ["TO", "DO"].concat();
    assert_eq!(rules_of("core/src/a.rs", &format!("// {marks}: later")), ["leftovers"]);
    assert_eq!(rules_of("core/src/a.rs", "dbg!(a);"), ["leftovers"]);
    assert_eq!(rules_of("core/src/a.rs", "println!();"), ["leftovers"]);
    assert!(rules_of("core/src/a.rs", "writeln!(out, \"\")?;").is_empty());
    assert!(rules_of("core/src/bin/millstream.rs", "println!();").is_empty());
    assert!(rules_of("core/src/cli/tail.rs", "eprintln!();").is_empty());
    assert_eq!(rules_of("core/src/cli/tail.rs", "dbg!(a);"), ["leftovers"]);
}

#[test]
fn an_example_that_is_not_compiled_is_found() {
    assert_eq!(rules_of("core/src/a.rs", "/// ```ignore\n/// f();\n/// ```"), ["doc-examples"]);
    assert_eq!(rules_of("core/src/a.rs", "//! ```rust,ignore"), ["doc-examples"]);
    assert!(rules_of("core/src/a.rs", "/// ```compile_fail\n/// ```text").is_empty());
}

#[test]
fn vague_names_are_found() {
    assert_eq!(rules_of("core/src/util.rs", ""), ["names"]);
    assert_eq!(rules_of("core/src/helper/mod.rs", "//! Docs."), ["names"]);
    assert_eq!(rules_of("core/src/a.rs", "pub fn get_seqno(&self) {}"), ["names"]);
    assert_eq!(rules_of("core/src/a.rs", "struct Inner {}"), ["names"]);
    assert_eq!(rules_of("core/src/a.rs", "pub struct StreamManager;"), ["names"]);
    let good = "pub struct BackfillManager;\nfn get(&self) {}\nfn get_failover_log() {}";
    assert!(rules_of("core/src/a.rs", good).is_empty());
}

#[test]
fn an_item_in_a_mod_file_is_found() {
    assert_eq!(rules_of("core/src/log/mod.rs", "pub(crate) const A: u8 = 1;"), ["mod-files"]);
    assert_eq!(rules_of("core/src/log/mod.rs", "fn f() {}"), ["mod-files"]);
    let good = "//! Docs of a fn.\n#[cfg(test)]\nmod tests;\npub use a::{\n    B, C,\n};";
    assert!(rules_of("core/src/log/mod.rs", good).is_empty());
}

#[test]
fn a_test_that_sleeps_or_is_never_run_is_found() {
    let text = "#[test]\n#[ignore]\nfn f() { thread::sleep(time); }";
    let found = findings("core/tests/it/a.rs", text);
    assert_eq!(found, ["a test that is never run", "a test that sleeps"]);
    assert!(findings("core/src/cli/a.rs", "thread::sleep(time);").is_empty());
}

const TABLE: &str = "//! # Orderings\n//!\n//! | label | access | model |\n//! |---|---|---|\n\
                     //! | W1 | `store` | `window::visible` |\n//! # Reclamation\n//! None.\n";
const MODELS: &[(&str, &str)] = &[("window", "fn visible() {}")];

#[test]
fn an_ordering_without_a_label_is_found() {
    let text = format!("{TABLE}fn f() {{\n    a.store(1, Ordering::Release);\n}}\n");
    let found = orderings_of(&[("core/src/log/window.rs", &text)], MODELS);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rule, found[0].line), ("orderings", 9));
}

#[test]
fn a_label_may_stand_on_the_line_or_above_the_expression() {
    for access in [
        "// W1 Release: publishes it.\na.store(1, Ordering::Release);",
        "a.store(1, Release); // W1 Release: publishes it.",
        "// W1 AcqRel: publishes it,\n// and takes the old one.\nlet b = a.compare_exchange(\n    \
         1,\n    2,\n    Ordering::AcqRel,\n    Ordering::Acquire,\n);",
    ] {
        let text =
            format!("{TABLE}use x::{{\n    Ordering::Release,\n}};\nfn f() {{\n{access}\n}}\n");
        let found = orderings_of(&[("core/src/log/window.rs", &text)], MODELS);
        assert!(found.is_empty(), "{access}: {found:?}");
    }
}

#[test]
fn a_label_of_the_statement_before_does_not_count() {
    let text = format!(
        "{TABLE}fn f() {{\n    // W1 Release: publishes it.\n    a.store(1, Release);\n    b.load(Acquire);\n}}\n"
    );
    let found = orderings_of(&[("core/src/log/window.rs", &text)], MODELS);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].line, 11);
}

#[test]
fn a_label_that_is_in_no_table_is_found() {
    let text = format!(
        "{TABLE}fn f() {{\n    // W7 Release: publishes it.\n    a.store(1, Release);\n}}\n"
    );
    let found = orderings_of(&[("core/src/log/window.rs", &text)], MODELS);
    assert_eq!(found[0].what, "label W7 is in no table of orderings of this folder");

    let of_mod = TABLE.replace("W1", "W7");
    let files = [("core/src/log/window.rs", text.as_str()), ("core/src/log/mod.rs", &of_mod)];
    assert!(orderings_of(&files, MODELS).is_empty());
}

#[test]
fn a_lock_free_file_without_a_model_is_found() {
    let found = orderings_of(&[("core/src/log/window.rs", TABLE)], &[]);
    let what: Vec<&str> = found.iter().map(|f| f.what.as_str()).collect();
    let expected = "no model in loom-tests/tests/models/window.rs";
    assert_eq!(what, [expected, "there is no model `window::visible`"]);

    let renamed = orderings_of(&[("core/src/log/window.rs", TABLE)], &[("window", "fn seen() {}")]);
    assert_eq!(renamed.len(), 1, "the model that the table names is gone");
    let none = "//! # Orderings\n//! None: one thread owns it.\n";
    assert!(orderings_of(&[("core/src/log/doc.rs", none)], &[]).is_empty());
}

#[test]
fn an_exception_that_nothing_needs_is_found() {
    let text = "use std::sync::Mutex;";
    let found = || rules::check(&Source::new("core/src/engine/turns.rs", text));
    let entry = |path| [Allowed { rule: "facade", path, reason: "cold" }];
    assert!(without_allowed(found(), &entry("core/src/engine/")).is_empty());
    let left = without_allowed(found(), &entry("core/src/stream/"));
    assert_eq!(left.iter().map(|f| f.rule).collect::<Vec<_>>(), ["facade", "allowed"]);
}

#[test]
fn a_room_without_unsafe_forbids_it() {
    let forbids = "//! A room.\n#![forbid(unsafe_code)]\nmod one;";
    let lax = "//! A room.\nmod one;";
    let found = |files: &[(&str, &str)]| {
        let source = |(path, text): &(&str, &str)| ((*path).to_owned(), Source::new(path, text));
        let found = safety::forbidding(&files.iter().map(source).collect());
        found.into_iter().map(|f| f.path).collect::<Vec<_>>()
    };
    let one = ("core/src/room/one.rs", "fn safe() {}");
    assert_eq!(found(&[("core/src/room/mod.rs", lax), one]), ["core/src/room/mod.rs"]);
    assert!(found(&[("core/src/room/mod.rs", forbids), one]).is_empty());
    let lock_free = ("core/src/room/one.rs", "#![expect(unsafe_code, reason = \"why\")]");
    assert!(found(&[("core/src/room/mod.rs", lax), lock_free]).is_empty());
    for program in
        ["core/src/bin/a.rs", "core/examples/a.rs", "benches/src/bin/a.rs", "core/src/a.rs"]
    {
        assert_eq!(found(&[(program, "fn main() {}")]), [program]);
        assert!(found(&[(program, "#![forbid(unsafe_code)]\nfn main() {}")]).is_empty());
    }
    assert!(found(&[("core/src/lib.rs", lax), ("core/src/room/deep/mod.rs", lax)]).is_empty());
}

#[test]
fn code_of_some_systems_says_so() {
    let path = "benches/src/clock.rs";
    for bad in [
        "use rustix::time::clock_gettime;",
        "#[cfg(unix)]\nuse std::os::unix::fs;\nuse std::os::fd::AsFd;",
        "#[cfg(unix)]\nfn a() {\n  b();\n}\nfn c() { rustix::time::now() }",
        "fn a() {\n  #[cfg(unix)]\n  {\n    rustix::b();\n  }\n  rustix::c();\n}",
    ] {
        assert_eq!(rules_of(path, bad), ["portable"], "{bad}");
    }
    for good in [
        "#[cfg(unix)]\nuse rustix::time::clock_gettime;",
        "#[cfg(unix)]\n#[derive(Debug)]\nstruct A {\n  a: tokio::signal::unix::Signal,\n}",
        "fn a() {\n  #[cfg(target_os = \"linux\")]\n  {\n    let b = rustix::b();\n    rustix::c(b);\n  }\n}",
    ] {
        assert!(rules_of(path, good).is_empty(), "{good}");
    }
}

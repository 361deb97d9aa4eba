//! The example of a program with Millstream inside runs, as its reader would run it.

#[path = "../../examples/embed.rs"]
mod embed;

#[test]
fn the_example_runs_and_ends_clean() {
    embed::main().expect("it ends well");
}

#[test]
fn the_example_is_short() {
    let lines = include_str!("../../examples/embed.rs").lines().count();
    assert!(lines < 80, "{lines} lines");
}

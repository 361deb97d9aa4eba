//! How statistics are asked for, and how numbers look.

use super::asked::{Asked, StreamFormat};
use super::text::{Spell, Uptime};
use std::time::{Duration, Instant};

#[test]
fn durations_are_in_the_largest_unit_that_says_enough() {
    let cases = [
        (0, "0 ns"),
        (9_999, "9999 ns"),
        (10_000, "10 us"),
        (100_000_000, "100 ms"),
        (20_000_000_000, "20 s"),
        (599_000_000_000, "599 s"),
        (600_000_000_000, "0h:10m:0s"),
        (15_072_000_000_000, "4h:11m:12s"),
    ];
    for (nanoseconds, text) in cases {
        assert_eq!(Spell(Duration::from_nanos(nanoseconds)).to_string(), text);
    }
}

#[test]
fn instants_are_seconds_since_the_start() {
    let started = Instant::now();
    let at = started + Duration::from_millis(2750);
    assert_eq!(Uptime { started, at }.to_string(), "2");
    assert_eq!(format!("{:.3}", Uptime { started, at }), "2.750");
    assert_eq!(Uptime { started: at, at: started }.to_string(), "0");
}

#[test]
fn a_value_says_how_streams_are_told() {
    let format = |text: &str| Asked::parse(text.as_bytes()).map(|asked| asked.format).ok();
    assert_eq!(format(""), Some(StreamFormat::Legacy));
    assert_eq!(format("{}"), Some(StreamFormat::Legacy));
    assert_eq!(format(r#"{"stream_format":"legacy"}"#), Some(StreamFormat::Legacy));
    assert_eq!(format(r#"{"stream_format":"json"}"#), Some(StreamFormat::Json));
    assert_eq!(
        format(r#"{"stream_format":"skip","filter":{"user":"u"}}"#),
        Some(StreamFormat::Skip)
    );
    for refused in [
        "x",
        "[]",
        r#"{"stream_format":"xml"}"#,
        r#"{"stream_format":1}"#,
        r#"{"filter":{"port":1}}"#,
        r#"{"filter":{"user":1}}"#,
        r#"{"filter":1}"#,
        r#"{"other":1}"#,
    ] {
        assert_eq!(format(refused), None, "{refused}");
    }
}

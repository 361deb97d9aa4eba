use crate::cli::report::{Bytes, Count, Documents, Time, per_second, rate};
use std::time::Duration;

#[test]
fn thousands_are_parted() {
    for (count, text) in [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (34_006, "34,006"),
        (100_000, "100,000"),
        (u64::MAX, "18,446,744,073,709,551,615"),
    ] {
        assert_eq!(Count(count).to_string(), text);
    }
    assert_eq!(Documents(1).to_string(), "1 document");
    assert_eq!(Documents(0).to_string(), "0 documents");
    assert_eq!(Documents(1200).to_string(), "1,200 documents");
}

#[test]
fn amounts_have_three_digits_or_so() {
    for (bytes, text) in [
        (0.0, "0 B"),
        (812.0, "812 B"),
        (999.4, "999 B"),
        (999.6, "1.00 kB"),
        (4_776_961.0, "4.78 MB"),
        (99_960.0, "100 kB"),
        (12_340_000.0, "12.3 MB"),
        (9e15, "9000 TB"),
    ] {
        assert_eq!(Bytes(bytes).to_string(), text);
    }
    for (milliseconds, text) in [
        (0, "0 ms"),
        (38, "38 ms"),
        (999, "999 ms"),
        (1000, "1.00 s"),
        (12_340, "12.3 s"),
        (754_000, "754 s"),
    ] {
        assert_eq!(Time(Duration::from_millis(milliseconds)).to_string(), text);
    }
    assert_eq!(Time(Duration::from_micros(999_700)).to_string(), "1.00 s");
}

#[test]
fn a_rate_over_no_time_is_none() {
    assert_eq!(per_second(5, Duration::ZERO), 0.0);
    assert_eq!(rate(1000, Duration::from_millis(250)).to_string(), "4,000");
}

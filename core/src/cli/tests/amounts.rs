use crate::cli::amounts::{VbucketList, duration, size, some_time};
use crate::cli::base64;
use std::time::Duration;

#[test]
fn sizes_have_units_of_1024_and_of_1000() {
    for (text, bytes) in [
        ("0", 0),
        ("65536", 65_536),
        ("7b", 7),
        ("64k", 64 << 10),
        ("64KiB", 64 << 10),
        ("64kB", 64_000),
        ("13m", 13 << 20),
        ("13 MiB", 13 << 20),
        ("13MB", 13_000_000),
        ("2g", 2 << 30),
        ("2GB", 2_000_000_000),
    ] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
}

#[test]
fn what_is_no_size_is_refused_by_its_part() {
    for (text, what) in [
        ("", "it must be a whole number, with a unit behind it"),
        ("m", "it must be a whole number, with a unit behind it"),
        ("-1", "it must be a whole number, with a unit behind it"),
        ("1.5g", "it must be a whole number, with a unit behind it"),
        ("5q", "`q` is no unit of size; write 64m, 64MiB or 64MB"),
        ("99999999999999999999", "99999999999999999999 is too large"),
        ("99999999999g", "99999999999g is too large"),
    ] {
        assert_eq!(size(text), Err(what.to_owned()), "{text}");
    }
}

#[test]
fn durations_count_seconds_unless_they_say_otherwise() {
    for (text, milliseconds) in [
        ("0", 0),
        ("90", 90_000),
        ("250ms", 250),
        ("90s", 90_000),
        ("5m", 300_000),
        ("5min", 300_000),
        ("2h", 7_200_000),
        ("7d", 604_800_000),
    ] {
        assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }
    assert!(duration("7w").is_err_and(|what| what.starts_with("`w` is no unit of time")));
    assert!(duration("999999999999999999d").is_err_and(|what| what.ends_with("is too long")));
    assert_eq!(some_time("0s"), Err("it must be longer than that".to_owned()));
    assert_eq!(some_time("1ms"), Ok(Duration::from_millis(1)));
}

#[test]
fn lists_of_vbuckets_are_numbers_and_ranges() {
    let list = |text: &str| {
        text.parse::<VbucketList>().map(|list| list.iter().map(|vb| vb.0).collect::<Vec<_>>())
    };
    assert_eq!(list("7"), Ok(vec![7]));
    assert_eq!(list("9, 5-7,5"), Ok(vec![5, 6, 7, 9]));
    assert_eq!(list("65535"), Ok(vec![65_535]));
    assert_eq!(list("9-5"), Err("9-5 runs backwards".to_owned()));
    for text in ["", "x", "1,", "65536", "1-", "-1"] {
        let what = list(text).expect_err(text);
        assert!(
            what.contains("is no vbucket; they have numbers from 0 to 65535"),
            "{text}: {what}"
        );
    }
}

/// The examples of RFC 4648, part 10.
#[test]
fn base64_is_padded() {
    for (bytes, text) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        let mut out = Vec::new();
        base64::encode(bytes.as_bytes(), &mut out);
        assert_eq!(out, text.as_bytes(), "{bytes}");
    }
    let mut out = Vec::new();
    base64::encode(&[0xFF, 0xEF, 0xBE, 0xFB], &mut out);
    assert_eq!(out, b"/++++w==".to_vec());
}

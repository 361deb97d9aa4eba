use super::document::{BadLine, Fault, Keys};
use super::source::{Documents, Format, Source, documents_of};
use super::{json, metered::Metered};
use crate::limits::VALUE_BYTES_MAX;
use std::fs;
use std::io::Read;
use std::path::Path;

fn keys(column: Option<&str>) -> Keys {
    Keys { column: column.map(str::to_owned), prefix: "p:".into() }
}

/// Everything that a file becomes: `key=value` for a document, `line N: …` for a bad line, `stop …` where reading
/// ended.
fn read(content: &[u8], format: Format, column: Option<&str>) -> Vec<String> {
    let folder = tempfile::tempdir().expect("there is room for a file");
    let path = folder.path().join("file");
    fs::write(&path, content).expect("there is room for a file");
    let source = Source::open(&path, Some(format)).expect("it is there");
    assert_eq!(source.bytes(), Some(content.len() as u64));
    let keys = keys(column);
    let mut seen = Vec::new();
    let mut documents = match source.read(&keys) {
        Ok(documents) => documents,
        Err(Fault::BadLine(line) | Fault::Unreadable(line)) => return vec![format!("stop {line}")],
    };
    loop {
        match documents.next(&keys) {
            Ok(Some(document)) => {
                let text = |bytes| String::from_utf8(bytes).expect("it is UTF-8");
                seen.push(format!("{}={}", text(document.key), text(document.value)));
            }
            Ok(None) => {
                assert!(documents.is_drained(), "nothing is left at the end");
                assert_eq!(documents.bytes(), content.len() as u64, "all of it was handed out");
                return seen;
            }
            Err(Fault::BadLine(line)) => seen.push(line.to_string()),
            Err(Fault::Unreadable(line)) => {
                seen.push(format!("stop {line}"));
                return seen;
            }
        }
    }
}

fn ndjson(content: &str, column: Option<&str>) -> Vec<String> {
    read(content.as_bytes(), Format::Ndjson, column)
}

fn csv(content: &str, column: Option<&str>) -> Vec<String> {
    read(content.as_bytes(), Format::Csv, column)
}

#[test]
fn lines_are_documents_as_they_are() {
    let content =
        "\u{FEFF}{\"id\":\"a\", \"n\": 1}\r\n\n  {\"id\":7}  \n{\"x\":[{\"id\":1}],\"id\":-5}";
    assert_eq!(
        ndjson(content, Some("id")),
        ["p:a={\"id\":\"a\", \"n\": 1}", "p:7={\"id\":7}", "p:-5={\"x\":[{\"id\":1}],\"id\":-5}"]
    );
    assert_eq!(
        ndjson("[1]\n\n\"x\"\n", None),
        ["p:1=[1]", "p:3=\"x\""],
        "line numbers count every line"
    );
    assert_eq!(ndjson("", None), Vec::<String>::new());
}

#[test]
fn keys_may_be_escaped() {
    assert_eq!(ndjson(r#"{"\u0069d":"a\u00e9"}"#, Some("id")), [r#"p:aé={"\u0069d":"a\u00e9"}"#]);
}

#[test]
fn bad_lines_cost_themselves_alone() {
    let long = format!("{{\"id\":\"{}\"}}", "k".repeat(250));
    let content = format!(
        "{{\"id\":1\n{{}}\n{{\"id\":null}}\n{{\"id\":1.5}}\n{{\"id\":1,\"id\":2}}\n[1]\n{{\"id\":2}} x\n{long}\n{{\"id\":9}}\n"
    );
    assert_eq!(
        ndjson(&content, Some("id")),
        [
            "line 1: not JSON: EOF while parsing an object at column 7",
            "line 2: it has no member \"id\"",
            "line 3: invalid type: null, expected a text or a whole number as \"id\"",
            "line 4: invalid type: floating point `1.5`, expected a text or a whole number as \"id\"",
            "line 5: member \"id\" is there twice",
            "line 6: invalid type: sequence, expected an object with a member \"id\"",
            "line 7: not JSON: trailing characters at column 10",
            "line 8: the key has 252 bytes, at most 250 are possible",
            "p:9={\"id\":9}"
        ]
    );
}

#[test]
fn what_is_not_utf8_is_refused_at_its_byte() {
    let content = b"{\"a\":\"\xFF\"}\n{}\n";
    assert_eq!(read(content, Format::Ndjson, None), ["line 1: not UTF-8 at byte 7", "p:2={}"]);
    let content = b"a,b\n1,\xFF\n2,3\n";
    let expected = ["line 2: the value of column 2 is not UTF-8", "p:3={\"a\":\"2\",\"b\":\"3\"}"];
    assert_eq!(read(content, Format::Csv, None), expected);
}

#[test]
fn a_line_that_is_too_long_does_not_take_the_next_with_it() {
    let mut content = vec![b' '; VALUE_BYTES_MAX + 2];
    content.extend_from_slice(b"\n{}\n");
    let expected = ["line 1: longer than 20 MiB, the largest value", "p:2={}"];
    assert_eq!(read(&content, Format::Ndjson, None), expected);
}

#[test]
fn rows_are_objects_of_texts() {
    let content = "\u{FEFF}id,name\r\n007,\"Bond, \"\"James\"\"\"\r\n\r\n8,\"two\nlines\"\n9,\n";
    assert_eq!(
        csv(content, Some("id")),
        [
            r#"p:007={"id":"007","name":"Bond, \"James\""}"#,
            r#"p:8={"id":"8","name":"two\nlines"}"#,
            r#"p:9={"id":"9","name":""}"#
        ]
    );
    assert_eq!(csv(content, None)[1], r#"p:4={"id":"8","name":"two\nlines"}"#, "line 3 is empty");
    assert_eq!(csv("a\n", None), Vec::<String>::new());
}

#[test]
fn rows_of_another_length_are_refused() {
    assert_eq!(
        csv("a,b\n1\n2,3\n4,5,6\n", Some("a")),
        [
            "line 2: 1 values, but the first row names 2 columns",
            "p:2={\"a\":\"2\",\"b\":\"3\"}",
            "line 4: 3 values, but the first row names 2 columns"
        ]
    );
}

#[test]
fn headers_that_make_no_sense_stop_at_once() {
    assert_eq!(csv("", None), ["stop line 1: there is no row that names the columns"]);
    assert_eq!(csv("a,b,a\n", None), ["stop line 1: columns 1 and 3 are both called \"a\""]);
    assert_eq!(csv("a,b\n", Some("c")), ["stop line 1: there is no column \"c\", only a, b"]);
    assert_eq!(
        read(b"a,\xFF\n", Format::Csv, None),
        ["stop line 1: the name of column 2 is not UTF-8"]
    );
}

/// A quote that is never closed would make one row of the rest of the file.
#[test]
fn a_row_without_an_end_stops_before_memory_does() {
    let mut content = b"a,b\n1,2\n3,\"".to_vec();
    content.resize(VALUE_BYTES_MAX + (1 << 20), b'x');
    let seen = read(&content, Format::Csv, None);
    let expected =
        ["p:2={\"a\":\"1\",\"b\":\"2\"}", "stop line 3: longer than 20 MiB, the largest value"];
    assert_eq!(seen, expected);
}

#[test]
fn formats_follow_from_names() {
    let folder = tempfile::tempdir().expect("there is room for a file");
    let open = |name: &str| {
        let path = folder.path().join(name);
        fs::write(&path, "{}\n").expect("there is room for a file");
        Source::open(&path, None).map(drop).map_err(|failure| failure.to_string())
    };
    for name in ["a.ndjson", "a.JSONL", "a.csv"] {
        assert_eq!(open(name), Ok(()), "{name}");
    }
    for name in ["a.json", "a", "a.txt"] {
        let what = open(name).expect_err(name);
        assert!(
            what.ends_with("its name does not say what it holds; give --format ndjson or csv"),
            "{what}"
        );
    }
    let standard = Source::open(Path::new("-"), None).expect_err("it has no name");
    assert!(standard.to_string().starts_with("standard input: "));
    let folder_itself = Source::open(folder.path(), Some(Format::Csv)).expect_err("it is a folder");
    assert!(folder_itself.to_string().contains("it is a folder"), "{folder_itself}");
}

#[test]
fn documents_of_a_text_say_which_line_is_bad() {
    let keys = keys(Some("id"));
    let all = documents_of(b"{\"id\":1}\n{\"id\":2}\n", &keys).expect("both are good");
    assert_eq!(all.iter().map(|d| d.line).collect::<Vec<_>>(), [1, 2]);
    let bad = documents_of(b"{\"id\":1}\n{}\n", &keys).expect_err("the second is bad");
    assert_eq!(bad, BadLine { line: 2, what: "it has no member \"id\"".into() });
}

/// The parser's own count is off where lines end in two bytes, or are empty.
#[test]
fn rows_have_the_line_on_which_they_begin() {
    let keys_of = |content: &str| -> Vec<String> {
        let keys = csv(content, None).into_iter();
        keys.map(|seen| seen.split('=').next().unwrap_or_default().to_owned()).collect()
    };
    for end in ["\n", "\r\n"] {
        let content = ["a", "1", "", "", "\"two", "lines\"", "7", "\"x\"", ""].join(end);
        assert_eq!(keys_of(&content), ["p:2", "p:5", "p:7", "p:8"], "lines end in {end:?}");
        assert_eq!(
            keys_of(content.trim_end()),
            ["p:2", "p:5", "p:7", "p:8"],
            "no line end at the end"
        );
        let long =
            format!("a{end}\"{}\"{end}2{end}", format!("{}{end}", "x".repeat(99)).repeat(999));
        assert_eq!(keys_of(&long), ["p:2", "p:1002"], "rows that are longer than a buffer");
    }
}

/// What comes through a slow pipe is told apart from what is there, so that nothing waits in vain.
#[test]
fn a_source_is_drained_when_the_next_read_may_wait() {
    struct Pieces(Vec<&'static [u8]>);
    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }
    let keys = keys(None);
    let pieces = || Box::new(Pieces(vec![b"a\n1\n2\n", b"3\n"])) as Box<dyn Read>;
    let mut rows = Documents::Csv(super::csv::Csv::new(pieces(), &keys).expect("it has a header"));
    let mut lines =
        Documents::Ndjson(super::ndjson::Ndjson::new(
            Box::new(Pieces(vec![b"1\n2\n3\n", b"4\n"])) as Box<dyn Read>
        ));
    for (documents, drained) in
        [(&mut rows, [false, true, true]), (&mut lines, [false, false, true])]
    {
        for drained in drained {
            documents.next(&keys).expect("it is good").expect("there is one");
            assert_eq!(documents.is_drained(), drained);
        }
    }
}

#[test]
fn a_meter_stops_at_its_limit() {
    let (mut reader, meter) = Metered::new(&b"123456"[..]);
    let mut two = [0; 2];
    meter.allow(3);
    assert_eq!(reader.read(&mut two).expect("2 of 3"), 2);
    assert_eq!(reader.read(&mut two).expect("the limit is looked at before"), 2);
    assert!(reader.read(&mut two).is_err());
    meter.allow(1);
    assert_eq!(reader.read(&mut two).expect("it goes on"), 2);
    assert_eq!(meter.bytes(), 6);
}

#[test]
fn large_numbers_are_keys_as_they_stand() {
    assert_eq!(
        json::member("{\"id\":18446744073709551615}", "id"),
        Ok("18446744073709551615".into())
    );
    let what =
        json::member("{\"id\":18446744073709551616}", "id").expect_err("it would be rounded");
    assert!(what.contains("floating point"), "{what}");
}

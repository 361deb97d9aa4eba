use super::judge::{Granted, Judge};
use super::refusals::Refusals;
use super::render::{Render, Values};
use crate::cli::exit::Exit;
use crate::client::{Document, Event, StreamFrom, SystemChange};
use crate::types::{
    Cas, Datatype, DocKind, DocMeta, EndReason, FailoverEntry, Opaque, RevSeqno, Seqno, Sid, VbId,
    VbState, VbUuid,
};
use crate::wire::Status;
use crate::wire::dcp::{MarkerExtension, MarkerFlags, SnapshotMarker, StreamTag, SystemEventKind};
use bytes::Bytes;
use core::time::Duration;

const TAG: StreamTag = StreamTag::new(Opaque(9), VbId(5));

fn document(seqno: u64, kind: DocKind, key: &'static [u8], value: &'static [u8]) -> Document {
    let meta = DocMeta {
        seqno: Seqno(seqno),
        cas: Cas(u64::MAX),
        rev: RevSeqno(2),
        flags: 3,
        expiry: 4,
        datatype: Datatype::JSON,
        kind,
    };
    let (key, value) = (Bytes::from_static(key), Bytes::from_static(value));
    Document { tag: TAG, meta, collection: None, key, value }
}

fn marker(start: u64, end: u64) -> Event {
    Event::SnapshotMarker(SnapshotMarker {
        tag: TAG,
        start: Seqno(start),
        end: Seqno(end),
        flags: MarkerFlags::MEMORY,
        extension: MarkerExtension::None,
    })
}

fn line(values: Values, event: &Event) -> String {
    let mut out = Vec::new();
    Render { values }.line(event, &mut out).expect("a Vec takes everything");
    String::from_utf8(out).expect("lines are UTF-8")
}

#[test]
#[expect(clippy::too_many_lines, reason = "a line for each kind of event")]
fn each_event_has_a_line() {
    let tombstone = |kind, seqno| Document {
        meta: DocMeta { expiry: 7, ..document(seqno, kind, b"k", b"").meta },
        ..document(seqno, kind, b"k", b"")
    };
    let no_time = Document {
        meta: DocMeta { expiry: 0, ..document(3, DocKind::Deleted, b"k", b"x").meta },
        ..document(3, DocKind::Deleted, b"k", b"x")
    };
    let v2 = |extension| {
        let Event::SnapshotMarker(first) = marker(1, 8) else { unreachable!("it is a marker") };
        Event::SnapshotMarker(SnapshotMarker { extension, ..first })
    };
    let (max_visible, purge) = (Seqno(7), Seqno(2));
    let (high_completed, high_prepared) = (Seqno(0), Seqno(0));
    let change = SystemChange {
        tag: TAG,
        seqno: Seqno(6),
        kind: SystemEventKind::CREATE_COLLECTION,
        version: 0,
        name: Bytes::from_static(b"c"),
        value: Bytes::from_static(b"\0\x01"),
    };
    for (event, expected) in [
        (
            Event::Mutation(document(1, DocKind::Alive, b"k", b"{\"a\":\"\xC3\xA9\"}")),
            r#"{"event":"mutation","vbucket":5,"seqno":1,"cas":"18446744073709551615","rev":2,"flags":3,"expiry":4,"datatype":1,"key":"k","value":"{\"a\":\"é\"}"}"#,
        ),
        (
            Event::Deletion(tombstone(DocKind::Deleted, 2)),
            r#"{"event":"deletion","vbucket":5,"seqno":2,"cas":"18446744073709551615","rev":2,"delete_time":7,"datatype":1,"key":"k"}"#,
        ),
        (
            Event::Deletion(no_time),
            r#"{"event":"deletion","vbucket":5,"seqno":3,"cas":"18446744073709551615","rev":2,"datatype":1,"key":"k","value":"x"}"#,
        ),
        (
            Event::Expiration(tombstone(DocKind::Expired, 4)),
            r#"{"event":"expiration","vbucket":5,"seqno":4,"cas":"18446744073709551615","rev":2,"delete_time":7,"datatype":1,"key":"k"}"#,
        ),
        (marker(1, 8), r#"{"event":"snapshot_marker","vbucket":5,"start":1,"end":8,"flags":1}"#),
        (
            v2(MarkerExtension::V2_0 { max_visible, high_completed }),
            r#"{"event":"snapshot_marker","vbucket":5,"start":1,"end":8,"flags":1,"max_visible":7}"#,
        ),
        (
            v2(MarkerExtension::V2_2 { max_visible, high_completed, purge, high_prepared }),
            r#"{"event":"snapshot_marker","vbucket":5,"start":1,"end":8,"flags":1,"max_visible":7,"purge":2}"#,
        ),
        (
            Event::SystemChange(change),
            r#"{"event":"system_event","vbucket":5,"seqno":6,"kind":0,"version":0,"name":"c","value_base64":"AAE="}"#,
        ),
        (
            Event::SeqnoAdvanced { tag: TAG, seqno: Seqno(8) },
            r#"{"event":"seqno_advanced","vbucket":5,"seqno":8}"#,
        ),
        (
            Event::OsoSnapshot { tag: TAG, begins: true },
            r#"{"event":"oso_snapshot","vbucket":5,"begins":true}"#,
        ),
        (
            Event::VbucketState { tag: TAG, state: VbState::Pending },
            r#"{"event":"vbucket_state","vbucket":5,"state":"pending"}"#,
        ),
        (
            Event::Rollback { tag: TAG, to: Seqno(3) },
            r#"{"event":"rollback","vbucket":5,"seqno":3}"#,
        ),
        (
            Event::StreamEnd { tag: TAG, code: 2, reason: Some(EndReason::StateChanged) },
            r#"{"event":"stream_end","vbucket":5,"code":2,"reason":"state_changed"}"#,
        ),
        (
            Event::StreamEnd { tag: TAG, code: 99, reason: None },
            r#"{"event":"stream_end","vbucket":5,"code":99,"reason":"unknown"}"#,
        ),
    ] {
        let line = line(Values::Utf8, &event);
        assert_eq!(line, format!("{expected}\n"));
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&line);
        assert!(parsed.is_ok_and(|value| value.is_object()), "{line}");
    }
}

#[test]
fn events_of_the_connection_alone_have_no_line() {
    for event in [
        Event::StreamOpened {
            tag: TAG,
            failover: vec![FailoverEntry { uuid: VbUuid(1), seqno: Seqno(0) }],
        },
        Event::StreamRefused { tag: TAG, status: Status::ETMPFAIL },
        Event::CloseAnswered { tag: TAG, status: Status::SUCCESS, end_follows: false },
    ] {
        assert_eq!(line(Values::Utf8, &event), "");
    }
}

#[test]
fn values_are_shown_as_asked() {
    let shown = |values, value| {
        let line = line(values, &Event::Mutation(document(1, DocKind::Alive, b"k", value)));
        let (_, rest) = line.split_once("\"key\":\"k\"").expect("it has a key");
        rest.trim_end().to_owned()
    };
    assert_eq!(shown(Values::None, b"x"), "}");
    assert_eq!(shown(Values::Base64, b"x"), r#","value_base64":"eA=="}"#);
    assert_eq!(shown(Values::Utf8, b"\xFF"), r#","value_base64":"/w=="}"#);
    assert_eq!(shown(Values::Utf8, b"a\n\"b"), r#","value":"a\n\"b"}"#);
    assert_eq!(shown(Values::Json, b"[1,\r\n2]"), r#","value":[1,  2]}"#);
    assert_eq!(shown(Values::Json, b"[1,"), r#","value":"[1,"}"#);
    assert_eq!(shown(Values::Json, b"\xFF"), r#","value_base64":"/w=="}"#);
    assert_eq!(shown(Values::Json, b""), r#","value":""}"#);
}

#[test]
fn keys_that_are_no_text_are_base64() {
    let line = line(Values::None, &Event::Mutation(document(1, DocKind::Alive, b"\xC3(", b"")));
    assert!(line.contains(r#""key_base64":"wyg=""#), "{line}");
}

fn granted(from: StreamFrom) -> Judge {
    let mut judge = Judge::default();
    judge.granted(TAG, Granted { from, end: Seqno::MAX });
    judge
}

#[test]
fn the_judge_lets_pass_what_is_in_order() {
    let mut judge = granted(StreamFrom::BEGINNING);
    for event in [
        marker(0, 3),
        Event::Mutation(document(1, DocKind::Alive, b"a", b"")),
        Event::Deletion(document(3, DocKind::Deleted, b"b", b"")),
        Event::StreamEnd { tag: TAG, code: 0, reason: Some(EndReason::Ok) },
    ] {
        judge.event(&event).expect("it is in order");
    }
    let report = judge.end().expect("all of it was in order");
    assert_eq!((report.documents(), report.ended), (2, 1));
}

#[test]
fn the_judge_stops_at_what_is_not() {
    let mut judge = granted(StreamFrom::BEGINNING);
    judge.event(&marker(0, 3)).expect("it is in order");
    let early = judge.event(&Event::Mutation(document(4, DocKind::Alive, b"a", b"")));
    let failure = early.expect_err("it is outside the snapshot");
    assert_eq!(failure.exit(), Exit::Failed);
    assert_eq!(
        failure.to_string(),
        "the server broke the rules of the protocol: 1 violation\n  event 3, vb 5: seqno 4 outside snapshot 0 to 3"
    );
    let stranger = Event::StreamEnd {
        tag: StreamTag { sid: Some(Sid(1)), ..TAG },
        code: 0,
        reason: Some(EndReason::Ok),
    };
    assert!(granted(StreamFrom::BEGINNING).event(&stranger).is_err(), "another stream was granted");
}

/// A stream that is resumed inside a snapshot must take the client at least to that snapshot's end.
#[test]
fn the_judge_knows_where_a_stream_was() {
    let (uuid, seqno) = (VbUuid(1), Seqno(5));
    let inside =
        StreamFrom { seqno, uuid, snap_start: Seqno(3), snap_end: Seqno(9), purge_seqno: None };
    assert!(granted(inside).event(&marker(5, 8)).is_err());
    assert!(granted(inside).event(&marker(5, 9)).is_ok());
    let between = StreamFrom { seqno, uuid, snap_start: seqno, snap_end: seqno, purge_seqno: None };
    assert!(granted(between).event(&marker(5, 8)).is_ok());
}

#[test]
fn refused_streams_are_named_once_and_asked_for_so_long() {
    let begun = tokio::time::Instant::now();
    let at = |seconds| begun + Duration::from_secs(seconds);
    let mut refusals = Refusals::new(Some(Duration::from_secs(60)));
    assert_eq!(refusals.news(), None);
    for vb in [0, 1, 2, 7] {
        refusals.refused(VbId(vb), Status::ETMPFAIL, at(0));
    }
    refusals.refused(VbId(5), Status::ENOMEM, at(1));
    let all =
        "vbuckets 0-2, 7 with 0x86 (temporary failure) and vbucket 5 with 0x82 (out of memory)";
    assert_eq!(refusals.news().as_deref(), Some(all));
    refusals.refused(VbId(0), Status::ETMPFAIL, at(2));
    assert_eq!(refusals.news(), None, "it is known");
    assert_eq!(refusals.given_up(at(59)), None);
    assert_eq!(refusals.given_up(at(60)), Some((all.to_owned(), Duration::from_secs(60))));
    refusals.opened(VbId(7));
    assert_eq!(refusals.given_up(at(100)), None, "one was opened");
    refusals.refused(VbId(0), Status::EBUSY, at(100));
    refusals.refused(VbId(7), Status::ETMPFAIL, at(100));
    assert_eq!(
        refusals.news().as_deref(),
        Some("vbucket 7 with 0x86 (temporary failure)"),
        "it was open meanwhile"
    );
    refusals.something_came();
    assert_eq!(refusals.given_up(at(200)), None);
    refusals.refused(VbId(0), Status::EBUSY, at(200));
    assert!(refusals.given_up(at(260)).is_some());
    let mut endless = Refusals::new(None);
    endless.refused(VbId(0), Status::EBUSY, at(0));
    assert_eq!(endless.given_up(at(1_000_000)), None);
}

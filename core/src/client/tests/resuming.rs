use crate::client::{Checkpoint, Event, ResumeToken, StreamFrom, newest_entry_at};
use crate::error::ErrorKind;
use crate::types::{FailoverEntry, Opaque, Seqno, VbId, VbUuid};
use crate::wire::dcp::{MarkerExtension, MarkerFlags, SnapshotMarker, StreamTag};
use proptest::prelude::*;

const VB: VbId = VbId(3);
const TAG: StreamTag = StreamTag::new(Opaque(1), VB);

fn log(entries: &[(u64, u64)]) -> Vec<FailoverEntry> {
    entries
        .iter()
        .map(|&(uuid, seqno)| FailoverEntry { uuid: VbUuid(uuid), seqno: Seqno(seqno) })
        .collect()
}

fn opened(entries: &[(u64, u64)]) -> Event {
    Event::StreamOpened { tag: TAG, failover: log(entries) }
}

fn marker(start: u64, end: u64) -> Event {
    let (start, end, flags) = (Seqno(start), Seqno(end), MarkerFlags::MEMORY);
    Event::SnapshotMarker(SnapshotMarker {
        tag: TAG,
        start,
        end,
        flags,
        extension: MarkerExtension::None,
    })
}

/// Any event that has a seqno moves the token in the same way.
fn at(seqno: u64) -> Event {
    Event::SeqnoAdvanced { tag: TAG, seqno: Seqno(seqno) }
}

fn oso(begins: bool) -> Event {
    Event::OsoSnapshot { tag: TAG, begins }
}

fn after(events: &[Event]) -> ResumeToken {
    let mut token = ResumeToken::new(VB);
    events.iter().for_each(|event| token.update(event));
    token
}

/// (uuid, seqno, snapshot start, snapshot end)
fn place(token: &ResumeToken) -> (u64, u64, u64, u64) {
    (token.uuid.get(), token.seqno.get(), token.snap_start.get(), token.snap_end.get())
}

#[test]
fn a_token_follows_its_stream() {
    assert_eq!(StreamFrom::from(&ResumeToken::new(VB)), StreamFrom::BEGINNING);
    let mut token = after(&[opened(&[(8, 100), (7, 0)])]);
    assert_eq!(place(&token), (8, 0, 0, 0));
    token.update(&marker(0, 10));
    assert_eq!(place(&token), (8, 0, 0, 0), "nothing of the snapshot has come");
    token.update(&at(4));
    assert_eq!(place(&token), (8, 4, 0, 10));
    token.update(&at(10));
    token.update(&marker(11, 20));
    assert_eq!(place(&token), (8, 10, 0, 10), "between two snapshots, at the end of the first");
    token.update(&at(15));
    assert_eq!(place(&token), (8, 15, 11, 20));
    let from = StreamFrom::from(&token);
    assert_eq!((from.seqno, from.uuid), (Seqno(15), VbUuid(8)));
    assert_eq!((from.snap_start, from.snap_end), (Seqno(11), Seqno(20)));
}

#[test]
fn a_token_knows_the_purge_seqno_of_the_snapshot_that_it_is_in() {
    let Event::SnapshotMarker(plain) = marker(0, 10) else { unreachable!("it is a marker") };
    let with_purge = |start: u64, end: u64, purge: u64| {
        let extension = MarkerExtension::V2_2 {
            max_visible: Seqno(end),
            high_completed: Seqno::ZERO,
            purge: Seqno(purge),
            high_prepared: Seqno::ZERO,
        };
        let (start, end) = (Seqno(start), Seqno(end));
        Event::SnapshotMarker(SnapshotMarker { start, end, extension, ..plain })
    };
    let mut token = after(&[opened(&[(7, 0)]), with_purge(0, 10, 6)]);
    assert_eq!(token.purge_seqno, None, "nothing of the snapshot has come");
    token.update(&at(4));
    assert_eq!(token.purge_seqno, Some(Seqno(6)));
    assert_eq!(StreamFrom::from(&token).purge_seqno, Some(Seqno(6)));
    let read = ResumeToken::from_json(&token.to_json()).expect("its own JSON");
    assert_eq!(read.purge_seqno, Some(Seqno(6)));
    token.update(&at(10));
    token.update(&marker(11, 20));
    token.update(&at(15));
    assert_eq!(token.purge_seqno, Some(Seqno(6)), "a snapshot from memory tells none");
    token.update(&with_purge(21, 30, 25));
    token.update(&at(22));
    assert_eq!(token.purge_seqno, Some(Seqno(25)));
    token.roll_back(Seqno(12));
    assert_eq!(token.purge_seqno, None);
    let mut old = token.to_json();
    old.as_object_mut().expect("an object").remove("purge_seqno");
    assert_eq!(ResumeToken::from_json(&old), Ok(token), "written before there was one");
    old["purge_seqno"] = serde_json::json!("6");
    assert!(ResumeToken::from_json(&old).expect_err("no number").contains("purge_seqno"));
}

#[test]
fn events_of_another_vbucket_change_nothing() {
    let mut token = after(&[opened(&[(7, 0)]), marker(0, 10), at(4)]);
    let before = token.clone();
    let tag = StreamTag::new(Opaque(2), VbId(4));
    token.update(&Event::SeqnoAdvanced { tag, seqno: Seqno(99) });
    assert_eq!(token, before);
}

#[test]
fn a_new_stream_forgets_what_was_announced_on_the_old() {
    let token = after(&[
        opened(&[(7, 0)]),
        marker(0, 5),
        at(5),
        marker(6, 9),
        opened(&[(8, 5), (7, 0)]),
        at(7),
    ]);
    assert_eq!(place(&token), (8, 7, 0, 7));
}

#[test]
fn inside_a_snapshot_in_key_order_the_token_stays_before_it() {
    let events = [opened(&[(7, 0)]), marker(0, 2), at(2), oso(true), at(50), at(9)];
    let mut token = after(&events);
    assert_eq!(place(&token), (7, 2, 0, 2));
    token.update(&oso(false));
    assert_eq!(place(&token), (7, 50, 50, 50));
    // Cut off inside, the next stream starts before it again.
    let mut token = after(&events);
    token.update(&opened(&[(7, 0)]));
    token.update(&marker(2, 4));
    token.update(&at(3));
    assert_eq!(place(&token), (7, 3, 2, 4));
}

#[test]
fn the_newest_entry_at_a_seqno() {
    let log = log(&[(9, 80), (8, 50), (7, 0)]);
    let uuid = |seqno| newest_entry_at(&log, Seqno(seqno)).map(|entry| entry.uuid.get());
    assert_eq!((uuid(0), uuid(49), uuid(50)), (Some(7), Some(7), Some(8)));
    assert_eq!((uuid(79), uuid(80), uuid(u64::MAX)), (Some(8), Some(9), Some(9)));
    assert_eq!(newest_entry_at(&log[..2], Seqno(49)), None);
}

#[test]
fn a_rollback_goes_to_the_branch_that_was_current_there() {
    let snapshots = [marker(0, 20), at(20), marker(21, 60), at(60), marker(61, 100), at(95)];
    let mut token = after(&[&[opened(&[(9, 80), (8, 50), (7, 0)])], &snapshots[..]].concat());
    // Not to 70: of the snapshot that it lies in, only the end would be a state that ever was.
    assert_eq!(token.roll_back(Seqno(70)), Seqno(60));
    assert_eq!(place(&token), (8, 60, 60, 60));
    assert_eq!(token.failover, log(&[(8, 50), (7, 0)]));
    // Back once more: the branch before.
    assert_eq!(token.roll_back(Seqno(59)), Seqno(20));
    assert_eq!(place(&token), (7, 20, 20, 20));
    assert_eq!(token.roll_back(Seqno(19)), Seqno(0));
    assert_eq!(place(&token), (0, 0, 0, 0));
}

#[test]
fn a_rollback_never_goes_forward() {
    let snapshots = [marker(0, 10), at(10), marker(11, 60), at(60)];
    let mut token = after(&[&[opened(&[(9, 80), (8, 50)])], &snapshots[..]].concat());
    token.roll_back(Seqno(1000));
    assert_eq!(place(&token), (8, 60, 60, 60));
    // No branch is known there: ask without one.
    token.roll_back(Seqno(10));
    assert_eq!(place(&token), (0, 10, 10, 10));
}

proptest! {
    #[test]
    fn the_seqno_stays_inside_its_snapshot(steps in proptest::collection::vec((0..7u8, 0..100u64, 0..100u64), 0..60)) {
        let mut token = ResumeToken::new(VB);
        for (kind, a, b) in steps {
            match kind {
                0 => token.update(&opened(&[(a + 1, b)])),
                1 => token.update(&marker(a.min(b), a.max(b))),
                2 => token.update(&oso(a % 2 == 0)),
                3 => {
                    token.roll_back(Seqno(a));
                }
                _ => token.update(&at(a)),
            }
            prop_assert!(token.snap_start <= token.seqno && token.seqno <= token.snap_end);
            let read = ResumeToken::from_json(&token.to_json()).unwrap();
            prop_assert_eq!(StreamFrom::from(&read), StreamFrom::from(&token));
            prop_assert_eq!(read.failover, token.failover.clone());
        }
    }
}

#[test]
fn a_checkpoint_survives_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tail.json");
    assert_eq!(Checkpoint::load(&path).unwrap(), Checkpoint::default());
    let mut checkpoint = Checkpoint::default();
    let big = u64::MAX - 1;
    for event in [opened(&[(big, 4), (7, 0)]), marker(0, big), at(big)] {
        checkpoint.update(&event);
    }
    checkpoint.token(VbId(1)).roll_back(Seqno(0));
    checkpoint.save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint);
    checkpoint.update(&Event::Rollback { tag: TAG, to: Seqno(0) });
    checkpoint.save(&path).unwrap();
    let read = Checkpoint::load(&path).unwrap();
    assert_eq!(read.tokens().map(|token| token.vb).collect::<Vec<_>>(), [VbId(1), VB]);
    assert_eq!(read.tokens().last().map(place), Some((big, big, 0, big)));
    assert_eq!(
        std::fs::read_dir(directory.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn a_file_that_makes_no_sense_is_told_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tail.json");
    let entry =
        r#"{"vb":1,"uuid":2,"seqno":3,"snap_start":3,"snap_end":3,"failover":[[1,2]],"whole":[3]}"#;
    let with = |entries: &str| {
        format!(r#"{{"format":"millstream-checkpoint","version":1,"vbuckets":[{entries}]}}"#)
    };
    for (text, what) in [
        ("{".to_owned(), "EOF while parsing an object at line 1 column 1"),
        ("{}".to_owned(), "\"format\" is not \"millstream-checkpoint\""),
        (
            with("").replace("\"version\":1", "\"version\":2"),
            "version 2 is not one that this program reads",
        ),
        (with(&[entry, entry].join(",")), "entry 1: vbucket 1 is there twice"),
        (with(&entry.replace("\"vb\":1", "\"vb\":65536")), "entry 0: \"vb\" is above 65535"),
        (
            with(&entry.replace("\"seqno\":3", "\"seqno\":\"3\"")),
            "entry 0: \"seqno\" is not a number",
        ),
        (
            with(&entry.replace("\"seqno\":3", "\"seqno\":4")),
            "entry 0: \"seqno\" is outside its snapshot",
        ),
        (
            with(&entry.replace("[1,2]", "[1]")),
            "entry 0: \"failover\" has an entry that is not two numbers",
        ),
        (
            with(&entry.replace("[3]", "[\"3\"]")),
            "entry 0: \"whole\" has an entry that is not a number",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = Checkpoint::load(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(error.what(), format!("checkpoint {}: {what}", path.display()));
    }
    let error = Checkpoint::load(directory.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = Checkpoint::default().save(&path.join("below-a-file")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

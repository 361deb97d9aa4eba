//! States of vbuckets as clients set and see them: by which commands, what becomes of documents, streams and the map,
//! and how failovers and rollbacks look to those who stream.

use super::client::{Client, value};
use super::dcp::{Dcp, from_zero};
use super::management::{document, request, send_form, start};
use super::requests::{get, set};
use super::running::{Running, Wanted};
use bytes::BytesMut;
use millstream::engine::Engine;
use millstream::server::{Secret, ServerSettings, User};
use millstream::store::{EmbeddedOptions, EmbeddedStore};
use millstream::types::{EndReason, Seqno, VbId, VbState, VbUuid};
use millstream::wire::dcp::{RollbackAnswer, StreamFlags, StreamReq};
use millstream::wire::kv::{
    AllVbSeqnosAnswer, ConfigVersion, DelVbucket, GetAllVbSeqnos, GetClusterConfig, GetVbucket,
    GetVbucketAnswer, SelectBucket, SetVbucket,
};
use millstream::wire::{Frame, Status};
use serde_json::Value;
use std::io::Read;
use std::path::Path;

const VB: u16 = 3;

impl Client {
    fn set_state(&mut self, vb: u16, state: VbState) -> Status {
        let set = SetVbucket { vb: VbId(vb), state, value: &[] };
        self.status(|opaque, out| set.encode(opaque, out))
    }

    fn state(&mut self, vb: u16) -> VbState {
        let frame = self.ask(|opaque, out| GetVbucket { vb: VbId(vb) }.encode(opaque, out));
        GetVbucketAnswer::parse(&frame).expect("a state").state
    }

    fn select_bucket(&mut self) {
        let select = SelectBucket { bucket: b"default" };
        assert_eq!(self.status(|opaque, out| select.encode(opaque, out)), Status::SUCCESS);
    }

    fn map(&mut self) -> Value {
        let config = GetClusterConfig { known: None };
        let frame = self.ask(|opaque, out| config.encode(opaque, out));
        serde_json::from_slice(&value(&frame)).expect("JSON")
    }
}

fn row(map: &Value, vb: u16) -> &Value {
    &map["vBucketServerMap"]["vBucketMap"][usize::from(vb)]
}

fn version(map: &Value) -> ConfigVersion {
    let number = |name: &str| map[name].as_u64().expect("a number");
    ConfigVersion { epoch: number("revEpoch"), revision: number("rev") }
}

fn write(server: &Running, vb: u16, range: core::ops::RangeInclusive<u32>) {
    let mut client = server.client();
    for n in range {
        client.store(set(vb, format!("key {n}").as_bytes(), format!("{n}").as_bytes()));
    }
}

fn at(vb: u16, start: u64, uuid: VbUuid) -> StreamReq<'static> {
    let (start, snap) = (Seqno(start), Seqno(start));
    StreamReq { start, snap_start: snap, snap_end: snap, uuid, ..from_zero(vb) }
}

fn sent_back(frame: &Frame) -> Seqno {
    assert_eq!(frame.status(), Status::ROLLBACK);
    RollbackAnswer::parse(frame).expect("eight bytes").expect("a rollback").to
}

/// A request with these extras and this value.
fn raw(client: &mut Client, opcode: u8, vb: u16, extras: &[u8], value: &[u8]) -> Frame {
    client.ask(|opaque, out: &mut BytesMut| {
        let datatype = u8::from(!value.is_empty());
        out.extend_from_slice(&[0x80, opcode, 0, 0, extras.len() as u8, datatype]);
        out.extend_from_slice(&vb.to_be_bytes());
        out.extend_from_slice(&((extras.len() + value.len()) as u32).to_be_bytes());
        out.extend_from_slice(&opaque.get().to_be_bytes());
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(extras);
        out.extend_from_slice(value);
    })
}

#[test]
fn a_state_is_set_in_one_byte_or_in_four() {
    let server = Running::start();
    let mut client = server.client();
    assert_eq!(client.state(VB), VbState::Active);
    for (n, extras) in [
        (VbState::Replica, &[2][..]),
        (VbState::Dead, &[0, 0, 0, 4]),
        (VbState::Pending, &[3]),
        (VbState::Active, &[0, 0, 0, 1]),
    ] {
        assert_eq!(raw(&mut client, 0x3d, VB, extras, b"").status(), Status::SUCCESS);
        assert_eq!(
            (client.state(VB), server.engine.vbucket(VbId(VB)).expect("exists").state),
            (n, n)
        );
    }
    let wrong: [&[u8]; 6] = [&[0], &[5], &[0, 0, 0, 0], &[1, 0, 0, 1], &[], &[0, 1]];
    for extras in wrong {
        assert_eq!(raw(&mut client, 0x3d, VB, extras, b"").status(), Status::EINVAL, "{extras:?}");
    }
    assert_eq!(client.set_state(16, VbState::Active), Status::NOT_MY_VBUCKET);
    let status = client.status(|o, out| GetVbucket { vb: VbId(16) }.encode(o, out));
    assert_eq!(status, Status::NOT_MY_VBUCKET);
    assert_eq!(client.state(VB), VbState::Active, "what was refused changed nothing");
}

#[test]
fn a_topology_is_taken_if_it_is_true() {
    let server = Running::start();
    let mut client = server.client();
    let mut status =
        |extras, value: &str| raw(&mut client, 0x3d, VB, extras, value.as_bytes()).status();
    assert_eq!(status(&[1], r#"{"topology":[["n0",null]]}"#), Status::SUCCESS);
    assert_eq!(status(&[1], r#"{"topology":[["n0","n1"]]}"#), Status::NOT_SUPPORTED);
    assert_eq!(status(&[2], r#"{"topology":[["n0"]]}"#), Status::EINVAL);
    assert_eq!(status(&[1], r#"{"use_snapshot":"fbr"}"#), Status::NOT_SUPPORTED);
    assert_eq!(status(&[2], "topology"), Status::EINVAL);
    assert_eq!(server.engine.vbucket(VbId(VB)).expect("exists").state, VbState::Active);
}

#[test]
fn strangers_set_no_state() {
    let mut wanted = Wanted::default();
    wanted.server.users = vec![User::new("somebody", Secret::new("right"))];
    let server = wanted.start();
    let mut client = server.client();
    assert_eq!(client.set_state(VB, VbState::Dead), Status::EACCESS);
    let delete = DelVbucket { vb: VbId(VB) };
    assert_eq!(client.status(|o, out| delete.encode(o, out)), Status::EACCESS);
    assert_eq!(server.engine.vbucket(VbId(VB)).expect("exists").state, VbState::Active);
}

/// A client is told 07 only for vbuckets that the map gives to nobody, and gets that map with it.
#[test]
fn the_map_follows_the_states() {
    let server = Running::start();
    let mut client = server.client();
    client.select_bucket();
    client.store(set(VB, b"key", b"value"));
    let first = client.map();
    assert_eq!(row(&first, VB), &serde_json::json!([0]));
    let mut last = version(&first);
    for state in [VbState::Replica, VbState::Pending, VbState::Dead] {
        assert_eq!(client.set_state(VB, state), Status::SUCCESS);
        let frame = client.ask(|o, out| get(VB, b"key").encode(o, out));
        assert_eq!(frame.status(), Status::NOT_MY_VBUCKET);
        let told: Value = serde_json::from_slice(frame.value()).expect("the map comes with it");
        assert_eq!(row(&told, VB), &serde_json::json!([-1]), "{}", state.as_str());
        assert_eq!(row(&told, VB + 1), &serde_json::json!([0]));
        assert_eq!(told, client.map());
        let rises = state == VbState::Replica;
        assert_eq!(version(&told) > last, rises, "only if the map changed");
        last = version(&told);
        assert_eq!(client.refused_store(set(VB, b"key", b"2")), Status::NOT_MY_VBUCKET);
    }
    assert_eq!(client.set_state(VB, VbState::Active), Status::SUCCESS);
    let again = client.map();
    assert!(version(&again) > last);
    assert_eq!(row(&again, VB), &serde_json::json!([0]));
    assert_eq!(client.value(VB, b"key"), b"value");
}

#[test]
fn the_streamed_map_is_told_again_when_it_changes() {
    let mut server = start(Vec::new());
    let mut socket = request(&server, "GET /pools/default/bs/default", "Host: [::1]:8091\r\n");
    let mut got = String::new();
    let mut maps = |count: usize| {
        while got.matches("\n\n\n\n").count() < count {
            let mut chunk = [0; 4096];
            let n = socket.read(&mut chunk).expect("the next map");
            assert_ne!(n, 0, "it stays open");
            got.push_str(std::str::from_utf8(&chunk[..n]).expect("text"));
        }
        got.matches("[-1]").count()
    };
    assert_eq!(maps(1), 0);
    server.engine.set_vbucket_state(VbId(VB), VbState::Replica).expect("set");
    assert_eq!(maps(2), 1);
    // Says nothing of the map.
    server.engine.set_vbucket_state(VbId(VB), VbState::Dead).expect("set");
    server.engine.fail_over(VbId(1)).expect("it exists");
    server.engine.set_vbucket_state(VbId(VB), VbState::Active).expect("set");
    assert_eq!(maps(3), 1);
    let bucket = document(&server, "/pools/default/buckets/default");
    assert_eq!(row(&bucket, VB), &serde_json::json!([0]));
    server.stop();
}

#[test]
fn every_state_says_what_is_streamed() {
    let server = Running::start();
    write(&server, VB, 1..=4);
    let mut client = server.client();
    let active_only = StreamReq { flags: StreamFlags::ACTIVE_VB_ONLY, ..from_zero(VB) };
    for (state, streams, as_active) in [
        (VbState::Active, true, true),
        (VbState::Replica, true, false),
        (VbState::Pending, false, false),
        (VbState::Dead, false, false),
    ] {
        assert_eq!(client.set_state(VB, state), Status::SUCCESS);
        let listed = client.ask(|o, out| {
            GetAllVbSeqnos { state: Some(state), collection: None }.encode(o, out);
        });
        let listed = AllVbSeqnosAnswer::parse(&listed).expect("seqnos").entries;
        assert!(listed.contains(&(VbId(VB), Seqno(4))), "{}", state.as_str());
        for (request, granted) in [(&from_zero(VB), streams), (&active_only, as_active)] {
            let mut dcp = Dcp::open(&server, "states");
            let status = dcp.try_stream(request).status();
            let want = if granted { Status::SUCCESS } else { Status::NOT_MY_VBUCKET };
            assert_eq!(status, want, "{}", state.as_str());
            if granted {
                assert_eq!(dcp.documents(Seqno(4)).len(), 4);
            }
        }
    }
}

#[test]
fn a_change_ends_every_stream_of_the_vbucket_once() {
    let server = Running::start();
    write(&server, VB, 1..=2);
    let mut client = server.client();
    let mut streams: Vec<Dcp> = ["one", "two"].map(|name| Dcp::open(&server, name)).into();
    for dcp in &mut streams {
        dcp.stream(&from_zero(VB));
        dcp.documents(Seqno(2));
        dcp.stream(&from_zero(VB + 1));
    }
    assert_eq!(client.set_state(VB, VbState::Active), Status::SUCCESS, "as it was");
    assert_eq!(client.set_state(VB, VbState::Pending), Status::SUCCESS);
    assert_eq!(client.set_state(VB, VbState::Dead), Status::SUCCESS);
    for dcp in &mut streams {
        assert_eq!(dcp.end(), EndReason::StateChanged);
        dcp.is_silent();
    }
}

#[test]
fn a_vbucket_that_becomes_active_begins_a_branch() {
    let server = Running::start();
    write(&server, VB, 1..=5);
    let mut client = server.client();
    for (n, before) in [VbState::Dead, VbState::Replica, VbState::Pending].into_iter().enumerate() {
        let old = server.engine.failover_log(VbId(VB)).expect("exists");
        assert_eq!(client.set_state(VB, before), Status::SUCCESS);
        assert_eq!(server.engine.failover_log(VbId(VB)).expect("exists"), old, "not yet");
        assert_eq!(client.set_state(VB, VbState::Active), Status::SUCCESS);
        let log = server.engine.failover_log(VbId(VB)).expect("exists");
        assert_eq!((log.len(), log[0].seqno), (n + 2, Seqno(5)));
        assert_eq!(log[1..], old[..]);
    }
}

#[test]
fn a_dead_vbucket_is_emptied_by_delete() {
    let server = Running::start();
    write(&server, VB, 1..=5);
    let mut client = server.client();
    let delete = DelVbucket { vb: VbId(VB) };
    assert_eq!(client.status(|o, out| delete.encode(o, out)), Status::EINVAL, "it is active");
    let old = server.engine.failover_log(VbId(VB)).expect("exists")[0];
    assert_eq!(client.set_state(VB, VbState::Dead), Status::SUCCESS);
    assert_eq!(raw(&mut client, 0x3f, VB, b"", b"async=1").status(), Status::EINVAL);
    assert_eq!(client.status(|o, out| delete.encode(o, out)), Status::SUCCESS);
    assert_eq!(client.state(VB), VbState::Dead);
    assert_eq!(client.set_state(VB, VbState::Active), Status::SUCCESS);
    assert!(!client.has(VB, b"key 1"));
    let log = server.engine.failover_log(VbId(VB)).expect("exists");
    assert!(log.iter().all(|entry| entry.uuid != old.uuid && entry.seqno == Seqno(0)), "{log:?}");
    let mut dcp = Dcp::open(&server, "after");
    assert_eq!(sent_back(&dcp.try_stream(&at(VB, 5, old.uuid))), Seqno(0), "an unknown branch");
    dcp.stream(&from_zero(VB));
    dcp.is_silent();
}

/// A failover as a client sees it: its stream ends, and it resumes on the new branch where it was.
#[test]
fn clients_resume_after_a_failover() {
    let server = start(Vec::new());
    write(&server, VB, 1..=5);
    let mut dcp = Dcp::open(&server, "resumes");
    let (_, before) = dcp.stream(&from_zero(VB));
    assert_eq!(dcp.documents(Seqno(5)).len(), 5);
    let path = format!("POST /pools/default/buckets/default/vbuckets/{VB}/failover");
    let (status, told) = send_form(&server, &path, "", "");
    assert_eq!((status, &told["seqno"]), (200, &5.into()), "{told}");
    assert_eq!(dcp.end(), EndReason::StateChanged);
    write(&server, VB, 6..=7);
    let (_, log) = dcp.stream(&at(VB, 5, before[0].uuid));
    assert_eq!((log.len(), log[0].seqno), (2, Seqno(5)));
    assert_eq!(told["uuid"], log[0].uuid.to_string());
    assert_eq!(
        dcp.documents(Seqno(7)),
        [6, 7].map(|n| { (format!("key {n}").into_bytes(), n.to_string().into_bytes()) })
    );
}

/// A rollback as clients see it: who is ahead is sent back to the very seqno, who is not resumes, and what is streamed
/// afterwards is what is there.
#[test]
fn clients_that_are_ahead_are_sent_back() {
    let server = start(Vec::new());
    write(&server, VB, 1..=20);
    let (mut ahead, mut behind) = (Dcp::open(&server, "ahead"), Dcp::open(&server, "behind"));
    let (_, old) = ahead.stream(&from_zero(VB));
    assert_eq!(ahead.documents(Seqno(20)).len(), 20);
    let path = format!("POST /pools/default/buckets/default/vbuckets/{VB}/rollback");
    let (status, told) = send_form(&server, &path, "", "to=12");
    assert_eq!((status, &told["seqno"]), (200, &12.into()), "{told}");
    assert_eq!(ahead.end(), EndReason::StateChanged);
    let uuid = old[0].uuid;
    assert_eq!(sent_back(&ahead.try_stream(&at(VB, 20, uuid))), Seqno(12));
    let inside = StreamReq { start: Seqno(9), snap_start: Seqno(5), ..at(VB, 20, uuid) };
    assert_eq!(sent_back(&ahead.try_stream(&inside)), Seqno(5), "its snapshot was cut");
    let whole = StreamReq { start: Seqno(12), ..inside };
    assert_eq!(sent_back(&ahead.try_stream(&whole)), Seqno(5), "12 of 5 to 20 is not whole");
    let mut client = server.client();
    for key in ["key 12", "key 13"] {
        client.store(set(VB, key.as_bytes(), b"new"));
    }
    ahead.stream(&at(VB, 12, uuid));
    behind.stream(&at(VB, 10, uuid));
    let high = server.engine.vbucket(VbId(VB)).expect("exists").high;
    let new = |key: &str| (key.as_bytes().to_vec(), b"new".to_vec());
    assert_eq!(ahead.documents(high), [new("key 12"), new("key 13")]);
    let rest = behind.documents(high);
    let last = rest.len() - 2;
    assert_eq!(rest[last..], [new("key 12"), new("key 13")]);
    let everything = {
        let mut dcp = Dcp::open(&server, "everything");
        dcp.stream(&from_zero(VB));
        // The version that was replaced may be in a snapshot of its own.
        dcp.documents(high).into_iter().collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(everything.len(), 13, "1 to 11, and the two new ones");
    for n in 14..=20 {
        assert!(!client.has(VB, format!("key {n}").as_bytes()), "{n}");
    }
}

#[test]
fn a_rollback_that_cannot_be_says_what_can() {
    let server = start(Vec::new());
    write(&server, VB, 1..=3);
    let persisted = |server: &Running| {
        let future =
            server.engine.persisted(VbId(VB), server.engine.vbucket(VbId(VB)).expect("it").high);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert!(runtime.block_on(future));
    };
    persisted(&server);
    write(&server, VB, 2..=2);
    persisted(&server);
    let path = format!("POST /pools/default/buckets/default/vbuckets/{VB}/rollback");
    let post = |form: &str| send_form(&server, &path, "", form);
    let (status, why) = post("to=3");
    let why = why["message"].as_str().expect("why").to_owned();
    assert!(status == 400 && why.contains("4 is the lowest seqno possible"), "{status} {why}");
    for (form, want) in [("to=4", "nothing lies above"), ("", "no `to`"), ("to=x", "a seqno")] {
        let (status, why) = post(form);
        assert!(status == 400 && why["message"].as_str().expect("why").contains(want), "{why}");
    }
    let elsewhere = "POST /pools/default/buckets/default/vbuckets/16/failover";
    assert_eq!(send_form(&server, elsewhere, "", "").0, 404);
    assert_eq!(post("to=0").0, 200);
    assert_eq!(server.engine.vbucket(VbId(VB)).expect("exists").items, 0);
}

#[test]
fn vbuckets_are_told_and_set_over_http() {
    let server = start(Vec::new());
    write(&server, VB, 1..=3);
    let path = "/pools/default/buckets/default/vbuckets";
    assert_eq!(document(&server, path).as_array().map(Vec::len), Some(16));
    let one = format!("{path}/{VB}");
    let told = document(&server, &one);
    assert_eq!((&told["state"], &told["highSeqno"]), (&"active".into(), &3.into()));
    assert_eq!(told["failoverLog"].as_array().map(Vec::len), Some(1));
    let post = |form: &str| send_form(&server, &format!("POST {one}/state"), "", form).0;
    assert_eq!(post("state=replica"), 200);
    assert_eq!(document(&server, &one)["state"], "replica");
    assert_eq!((post("state=gone"), post("")), (400, 400));
    assert_eq!(send_form(&server, &format!("DELETE {one}"), "", "").0, 400, "it is not dead");
    assert_eq!(post("state=dead"), 200);
    assert_eq!(send_form(&server, &format!("DELETE {one}"), "", "").0, 200);
    assert_eq!(document(&server, &one)["highSeqno"], 0);
}

/// What was answered is there after a restart, though nobody closed the store.
#[test]
fn states_survive_the_end_of_the_process() {
    fn serve(folder: &Path) -> Running {
        let store = EmbeddedStore::open(folder, EmbeddedOptions::new(16)).expect("a store");
        let mut settings = ServerSettings::default();
        settings.listen = "127.0.0.1:0".parse().expect("an address");
        Running::over(Engine::open(store).expect("an engine"), settings)
    }
    let (folder, copy) = (tempfile::tempdir().expect("it"), tempfile::tempdir().expect("it"));
    let server = serve(folder.path());
    let mut client = server.client();
    let states = [VbState::Replica, VbState::Pending, VbState::Dead, VbState::Active];
    for (vb, state) in states.into_iter().enumerate() {
        assert_eq!(client.set_state(vb as u16, VbState::Replica), Status::SUCCESS);
        assert_eq!(client.set_state(vb as u16, state), Status::SUCCESS);
    }
    let log = server.engine.failover_log(VbId(3)).expect("exists");
    // What a process that is killed now would leave.
    copy_folder(folder.path(), copy.path());
    let after = serve(copy.path());
    let mut client = after.client();
    for (vb, state) in states.into_iter().enumerate() {
        assert_eq!(client.state(vb as u16), state);
    }
    let found = after.engine.failover_log(VbId(3)).expect("exists");
    assert_eq!(found[1..], log[..], "and a branch for the unclean stop");
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            std::fs::create_dir_all(&to).expect("a folder");
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).expect("copied");
        }
    }
}

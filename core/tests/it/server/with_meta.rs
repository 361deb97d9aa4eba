//! Versions that were made elsewhere: taken with their CAS and revision, or refused for a newer one.

use super::client::Client;
use super::requests::{delete, set};
use super::running::Running;
use millstream::types::{Cas, Datatype, RevSeqno, VbId};
use millstream::wire::kv::{GetMeta, GetMetaAnswer, MetaOptions, WithMeta, WriteAnswer};
use millstream::wire::{Opcode, Status};

const CAS: u64 = 0x0123_4567_89ab_cdef;

fn version(opcode: Opcode, rev: u64, cas: u64, value: &[u8]) -> WithMeta<'_> {
    WithMeta {
        opcode,
        quiet: false,
        vb: VbId(0),
        expected: Cas::ZERO,
        flags: 7,
        expiry: 0,
        rev: RevSeqno(rev),
        cas: Cas(cas),
        options: MetaOptions::NONE,
        datatype: Datatype::RAW,
        key: b"key",
        value,
    }
}

fn take(client: &mut Client, version: WithMeta<'_>) -> Result<Cas, Status> {
    let frame = client.ask(|opaque, out| version.encode(opaque, out));
    WriteAnswer::parse(&frame).map(|answer| answer.cas).map_err(|_| frame.status())
}

fn meta(client: &mut Client) -> Result<GetMetaAnswer, Status> {
    let ask = GetMeta { vb: VbId(0), key: b"key", with_datatype: true, quiet: false };
    let frame = client.ask(|opaque, out| ask.encode(opaque, out));
    GetMetaAnswer::parse(&frame).map_err(|_| frame.status())
}

#[test]
fn a_version_is_taken_as_it_is() {
    let server = Running::start();
    let mut client = server.client();
    assert_eq!(meta(&mut client), Err(Status::KEY_ENOENT));
    let taken = take(&mut client, version(Opcode::SET_WITH_META, 12, CAS, b"value"));
    assert_eq!(taken, Ok(Cas(CAS)));
    assert_eq!(client.value(0, b"key"), b"value");
    let expected = GetMetaAnswer {
        deleted: false,
        flags: 7,
        expiry: 0,
        rev: RevSeqno(12),
        cas: Cas(CAS),
        datatype: Some(Datatype::RAW),
    };
    assert_eq!(meta(&mut client), Ok(expected));
    let next = client.store(set(0, b"key", b"mine"));
    assert!(next > Cas(CAS), "what is written here comes after it");
    assert_eq!(meta(&mut client).map(|meta| meta.rev), Ok(RevSeqno(13)));
}

#[test]
fn a_cas_from_the_future_lifts_the_ones_made_here() {
    let server = Running::start();
    let mut client = server.client();
    let future = i64::MAX as u64;
    let taken = take(&mut client, version(Opcode::SET_WITH_META, 1, future, b"1"));
    assert_eq!(taken, Ok(Cas(future)));
    assert!(client.store(set(0, b"other", b"2")) > Cas(future));
    for cas in [0, future + 1, u64::MAX] {
        let taken = take(&mut client, version(Opcode::SET_WITH_META, 9, cas, b"3"));
        assert_eq!(taken, Err(Status::EINVAL), "{cas:#x}");
    }
}

#[test]
fn the_version_that_was_changed_more_often_wins() {
    let server = Running::start();
    let mut client = server.client();
    let set = |rev, cas| version(Opcode::SET_WITH_META, rev, cas, b"value");
    assert_eq!(take(&mut client, set(5, CAS)), Ok(Cas(CAS)));
    // Revision, then CAS, then expiry, then flags; the same version again is not newer.
    assert_eq!(take(&mut client, set(4, CAS + 9)), Err(Status::KEY_EEXISTS));
    assert_eq!(take(&mut client, set(5, CAS)), Err(Status::KEY_EEXISTS));
    assert_eq!(take(&mut client, set(5, CAS + 1)), Ok(Cas(CAS + 1)));
    let later = WithMeta { expiry: 4_000_000_000, ..set(5, CAS + 1) };
    assert_eq!(take(&mut client, later), Ok(Cas(CAS + 1)));
    let flags = WithMeta { flags: 8, ..later };
    assert_eq!(take(&mut client, flags), Ok(Cas(CAS + 1)));
    assert_eq!(take(&mut client, later), Err(Status::KEY_EEXISTS));
    let forced = WithMeta { options: MetaOptions::SKIP_CONFLICT_RESOLUTION, ..set(1, CAS) };
    assert_eq!(take(&mut client, forced), Ok(Cas(CAS)));
    assert_eq!(meta(&mut client).map(|meta| meta.rev), Ok(RevSeqno(1)));
}

#[test]
fn tombstones_are_versions_too() {
    let server = Running::start();
    let mut client = server.client();
    let tombstone =
        WithMeta { expiry: 1_700_000_000, ..version(Opcode::DEL_WITH_META, 5, CAS, &[]) };
    assert_eq!(take(&mut client, tombstone), Ok(Cas(CAS)));
    assert!(!client.has(0, b"key"));
    let found = meta(&mut client).expect("tombstones have a version");
    assert_eq!((found.deleted, found.expiry, found.rev), (true, 1_700_000_000, RevSeqno(5)));
    let older = version(Opcode::SET_WITH_META, 4, CAS, b"value");
    assert_eq!(take(&mut client, older), Err(Status::KEY_EEXISTS), "it was deleted later");
    let newer = version(Opcode::ADD_WITH_META, 6, CAS, b"value");
    assert_eq!(take(&mut client, newer), Ok(Cas(CAS)));
    let again = version(Opcode::ADD_WITH_META, 7, CAS, b"value");
    assert_eq!(take(&mut client, again), Err(Status::KEY_EEXISTS));
    let with_value = version(Opcode::DEL_WITH_META, 8, CAS, b"value");
    assert_eq!(take(&mut client, with_value), Err(Status::NOT_SUPPORTED));
    client.status(|opaque, out| delete(0, b"key").encode(opaque, out));
    assert!(meta(&mut client).expect("it is there").deleted);
}

#[test]
fn options_have_to_make_sense() {
    let server = Running::start();
    let mut client = server.client();
    let with = |opcode, options| WithMeta {
        options: MetaOptions(options),
        ..version(opcode, 1, CAS, &[])
    };
    for (opcode, options) in [
        (Opcode::SET_WITH_META, 0x08),
        (Opcode::SET_WITH_META, MetaOptions::REGENERATE_CAS.0),
        (Opcode::SET_WITH_META, MetaOptions::IS_EXPIRATION.0),
    ] {
        assert_eq!(take(&mut client, with(opcode, options)), Err(Status::EINVAL), "{options:#x}");
    }
    let new_cas = MetaOptions::REGENERATE_CAS | MetaOptions::SKIP_CONFLICT_RESOLUTION;
    let taken = take(&mut client, with(Opcode::SET_WITH_META, new_cas.0)).expect("it is taken");
    assert!(taken > Cas(CAS), "the CAS is made here");
    let stale = WithMeta { expected: Cas(1), ..with(Opcode::SET_WITH_META, 1) };
    assert_eq!(take(&mut client, stale), Err(Status::KEY_EEXISTS));
    let matching = WithMeta { expected: taken, ..with(Opcode::SET_WITH_META, 1) };
    assert_eq!(take(&mut client, matching), Ok(Cas(CAS)));
}

#[test]
fn quiet_forms_tell_only_failures() {
    let server = Running::start();
    let mut client = server.client();
    let quiet = |opcode, rev| WithMeta { quiet: true, ..version(opcode, rev, CAS, &[]) };
    for (rev, opcode) in [Opcode::SET_WITH_META, Opcode::DEL_WITH_META, Opcode::ADD_WITH_META]
        .into_iter()
        .enumerate()
    {
        client.request(|opaque, out| quiet(opcode, rev as u64 + 1).encode(opaque, out));
    }
    // Only the last one fails: the document is there.
    let opaque = client.request(|opaque, out| {
        quiet(Opcode::ADD_WITH_META, 9).encode(opaque, out);
    });
    let frame = client.next();
    assert_eq!((frame.opaque(), frame.status()), (opaque, Status::KEY_EEXISTS));
    client.is_silent();
}

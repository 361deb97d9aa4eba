use super::*;
use crate::engine::PurgeBounds;

/// It said that nothing was there to purge, which was not so: whoever asked did not come again.
#[test]
fn a_vbucket_that_is_held_is_not_purged_and_that_is_said() {
    let engine = Engine::open(MemoryStore::new(1)).expect("an engine");
    let vb = VbId(0);
    let mut session = engine.session("test");
    for key in [b"a", b"b"] {
        session.set(key, b"value").expect("written");
        session.delete(key).expect("deleted").expect("it was there");
    }
    drop(session);
    let high = engine.vbucket(vb).expect("it exists").high;
    wait_persisted(&engine, 0, high);
    let parts = engine.parts();
    let partition = parts.partition(vb).expect("it exists");
    let mut reader = parts.domain.borrow("test");
    parts.claim(partition, &reader.pin()).expect("nobody else has it");
    for refused in [
        engine.purge(vb, Duration::ZERO).map(drop),
        engine.purge_tombstones(vb, PurgeBounds::ALL).map(drop),
    ] {
        assert_eq!(refused.expect_err("it is held").kind(), ErrorKind::Retry);
    }
    assert_eq!(engine.vbucket(vb).expect("it exists").purge, Seqno(0));
    parts.end_claim(partition, &reader.pin()).expect("it was claimed");
    assert_eq!(engine.purge(vb, Duration::ZERO).expect("purged"), 1);
}

//! How far vbuckets are: OBSERVE_SEQNO and GET_ALL_VB_SEQNOS.

use super::requests::set;
use super::running::Running;
use millstream::types::{Seqno, VbId, VbState, VbUuid};
use millstream::wire::kv::{
    AllVbSeqnosAnswer, Failover, GetAllVbSeqnos, ObserveSeqno, ObserveSeqnoAnswer,
};
use millstream::wire::{CollectionId, Status};

#[test]
fn a_client_of_an_older_branch_learns_where_it_ended() {
    let server = Running::start();
    let mut client = server.client();
    for _ in 0..5 {
        client.store(set(3, b"key", b"1"));
    }
    let old = server.engine.failover_log(VbId(3)).expect("it exists")[0].uuid;
    server.engine.set_vbucket_state(VbId(3), VbState::Replica).expect("it exists");
    server.engine.set_vbucket_state(VbId(3), VbState::Active).expect("it exists");
    client.store(set(3, b"key", b"2"));
    let new = server.engine.failover_log(VbId(3)).expect("it exists")[0].uuid;
    assert_ne!(old, new);
    let frame = client.ask(|o, out| ObserveSeqno { vb: VbId(3), uuid: old }.encode(o, out));
    assert_eq!(frame.value().len(), 43);
    let answer = ObserveSeqnoAnswer::parse(&frame).expect("an answer");
    assert_eq!(answer.failover, Some(Failover { uuid: old, last_seqno: Seqno(5) }));
    assert_eq!((answer.uuid, answer.current), (new, Seqno(6)));
    let frame = client.ask(|o, out| ObserveSeqno { vb: VbId(3), uuid: new }.encode(o, out));
    assert_eq!(frame.value().len(), 27);
    let stranger = ObserveSeqno { vb: VbId(3), uuid: VbUuid(1) };
    assert_eq!(client.status(|o, out| stranger.encode(o, out)), Status::KEY_ENOENT);
    let nowhere = ObserveSeqno { vb: VbId(99), uuid: new };
    assert_eq!(client.status(|o, out| nowhere.encode(o, out)), Status::NOT_MY_VBUCKET);
}

#[test]
fn every_vbucket_has_its_seqno_told() {
    let server = Running::start();
    let mut client = server.client();
    for vb in [0, 5, 5, 15] {
        client.store(set(vb, b"key", b"1"));
    }
    server.engine.set_vbucket_state(VbId(5), VbState::Replica).expect("it exists");
    server.engine.set_vbucket_state(VbId(6), VbState::Dead).expect("it exists");
    let mut ask = |state| {
        let request = GetAllVbSeqnos { state, collection: None };
        let frame = client.ask(|o, out| request.encode(o, out));
        AllVbSeqnosAnswer::parse(&frame).expect("an answer").entries
    };
    let all = ask(None);
    let seqnos: Vec<(u16, u64)> = all.iter().map(|(vb, seqno)| (vb.0, seqno.0)).collect();
    let expected: Vec<(u16, u64)> = (0..16)
        .filter(|vb| *vb != 6)
        .map(|vb| {
            (
                vb,
                match vb {
                    0 | 15 => 1,
                    5 => 2,
                    _ => 0,
                },
            )
        })
        .collect();
    assert_eq!(seqnos, expected);
    assert_eq!(ask(Some(VbState::Replica)), [(VbId(5), Seqno(2))]);
    assert_eq!(ask(Some(VbState::Active)).len(), 14);
    assert_eq!(ask(Some(VbState::Dead)), [(VbId(6), Seqno(0))]);
    let collection = Some(CollectionId::DEFAULT);
    let request = GetAllVbSeqnos { state: Some(VbState::Active), collection };
    assert_eq!(client.status(|o, out| request.encode(o, out)), Status::EINVAL);
}

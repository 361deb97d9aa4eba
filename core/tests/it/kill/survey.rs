//! What is there after a kill.

use super::ledger::{Ledger, Survey};
use super::reader::{Follower, Streams, store};
use super::{Tally, VBUCKETS};
use millstream::client::{Event, StreamFrom};
use millstream::testing::oracle::StreamOracle;
use millstream::types::{EndReason, Seqno, VbId, VbUuid};

/// Looks at everything, and holds it against what clients were told.
pub(super) async fn after_a_kill(
    address: &str,
    ledger: &mut Ledger,
    follower: &mut Follower,
    tally: &mut Tally,
) {
    let survey = survey(address).await;
    probe(address, &survey, tally).await;
    follower.catch_up(address, &survey, tally).await;
    ledger.settle(survey, tally);
}

/// Reads everything from the beginning.
async fn survey(address: &str) -> Survey {
    let mut streams = Streams::connect(address, "survey").await.expect("the server is there");
    let client = streams.client();
    let mut survey = Survey::default();
    for (at, (vb, high)) in
        client.all_vb_seqnos().await.expect("it answers").into_iter().enumerate()
    {
        assert_eq!(usize::from(vb.get()), at, "all vbuckets, in order");
        survey.highs.push(high);
    }
    assert_eq!(survey.highs.len(), usize::from(VBUCKETS));
    for vb in (0..VBUCKETS).map(VbId) {
        survey.logs.push(client.failover_log(vb).await.expect("it answers"));
    }
    let highs = survey.highs.clone();
    for (vb, high) in highs.into_iter().enumerate() {
        streams.ask(VbId(vb as u16), StreamFrom::BEGINNING, high);
    }
    let mut oracle = StreamOracle::new();
    while let Some(event) = streams.next(&mut oracle).await.expect("the server is there") {
        if let Event::StreamEnd { reason, .. } = event {
            assert_eq!(reason, Some(EndReason::Ok));
        }
        store(&event, &mut survey.documents);
    }
    oracle.finish().expect("everything was in order");
    survey
}

/// A client of the branch before: above where the new one begins it is sent back, up to there it goes on.
async fn probe(address: &str, survey: &Survey, tally: &mut Tally) {
    let mut streams = Streams::connect(address, "probe").await.expect("the server is there");
    let at = |seqno: Seqno, uuid: VbUuid| StreamFrom {
        seqno,
        uuid,
        snap_start: seqno,
        snap_end: seqno,
        purge_seqno: None,
    };
    let mut expected = 0;
    for (vb, log) in survey.logs.iter().enumerate() {
        if let [new, old, ..] = log[..] {
            streams.ask(VbId(vb as u16), at(new.seqno.next(), old.uuid), Seqno::MAX);
            expected += 1;
        }
    }
    let mut oracle = StreamOracle::new();
    let (mut sent_back, mut went_on) = (0, 0);
    while let Some(event) = streams.next(&mut oracle).await.expect("the server is there") {
        let vb = event.tag().vb;
        let log = &survey.logs[usize::from(vb.get())];
        match event {
            Event::Rollback { to, .. } => {
                assert_eq!(to, survey.back_to(vb), "vb {vb}: {log:?}");
                sent_back += 1;
                // Half of them stand right there, half one below.
                let below = to.get().saturating_sub(u64::from(vb.get()) % 2);
                streams.ask(vb, at(Seqno(below), log[1].uuid), Seqno(below));
            }
            Event::StreamOpened { failover, .. } => assert_eq!(failover, *log),
            Event::StreamEnd { reason, .. } => {
                assert_eq!(reason, Some(EndReason::Ok));
                went_on += 1;
            }
            other => panic!("vb {vb}: {other:?}"),
        }
    }
    assert_eq!((sent_back, went_on), (expected, expected));
    tally.rollbacks += sent_back;
    tally.resumed += went_on;
}

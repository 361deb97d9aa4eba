//! Clients write, read and ask how far things are, until the server is killed in the middle of it.

use super::dice::Dice;
use super::ledger::{Ledger, Sent};
use super::reader::Follower;
use super::writers::{Writer, gone};
use super::{Tally, VBUCKETS};
use crate::program::Serving;
use millstream::Error;
use millstream::client::{ConnectSettings, KvClient};
use millstream::types::{Seqno, VbId, VbUuid};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Runs until some number of answers, chosen by the dice, has come; then the server is killed.
pub(super) async fn until_killed(
    server: Serving,
    ledger: &mut Ledger,
    follower: &mut Follower,
    dice: &mut Dice,
    all_persisted: bool,
    tally: &mut Tally,
) {
    let (address, branches) = (server.address.clone(), ledger.branches());
    let seen_before = ledger.seen.clone();
    let (answers, count) = unbounded_channel();
    let round = tally.kills;
    let mut writer = |name| Writer {
        name,
        round,
        address: &address,
        dice: Dice::new(dice.roll(u64::MAX >> 12) + 1),
        answers: answers.clone(),
        all_persisted,
        branches: &branches,
    };
    let (first, second, bulk) = (writer("first"), writer("second"), writer("bulk"));
    drop(answers);
    let moment = dice.roll(if all_persisted { 900 } else { 3000 });
    let (first, second, bulk, reads, persisted, ()) = tokio::join!(
        first.one_by_one(),
        second.one_by_one(),
        bulk.in_bulk(),
        follower.follow(&address),
        observe(&address, &branches),
        kill_after(moment, count, server),
    );
    for (vb, seqno, value) in &reads {
        ledger.read(*vb, *seqno, value.as_deref());
        let before = seen_before[usize::from(vb.get())];
        assert!(*seqno > before, "vb {vb}: {seqno} was read, but {before} had been seen before");
    }
    for writes in [first, second, bulk] {
        tally.sent += writes.len() as u64;
        check_rising(&writes, &seen_before);
        ledger.sent(writes);
    }
    for (vb, seqno) in persisted {
        ledger.persisted(vb, seqno);
    }
}

/// New writes are above everything that was ever seen.
fn check_rising(writes: &[Sent], seen_before: &[Seqno]) {
    for write in writes {
        let vb = super::ledger::vbucket(&write.key);
        let before = seen_before[usize::from(vb.get())];
        assert!(
            write.seqno.is_none_or(|seqno| seqno > before),
            "vb {vb}: {write:?} is not above {before}"
        );
    }
}

async fn kill_after(moment: u64, mut answers: UnboundedReceiver<u64>, server: Serving) {
    let mut counted = 0;
    while counted < moment {
        counted += answers.recv().await.expect("somebody still writes");
    }
    server.kill();
}

/// Asks how far each vbucket is persisted, again and again.
async fn observe(address: &str, branches: &[VbUuid]) -> Vec<(VbId, Seqno)> {
    let mut told = vec![Seqno::ZERO; usize::from(VBUCKETS)];
    let done = ask_on(address, branches, &mut told).await;
    gone(&done.expect_err("it asks until the server is gone"));
    told.into_iter().enumerate().map(|(vb, seqno)| (VbId(vb as u16), seqno)).collect()
}

async fn ask_on(address: &str, branches: &[VbUuid], told: &mut [Seqno]) -> Result<(), Error> {
    let mut client = KvClient::connect(&ConnectSettings::new(address, "default")).await?;
    loop {
        for (vb, uuid) in branches.iter().enumerate() {
            let answer = client.observe_seqno(VbId(vb as u16), *uuid).await?;
            assert_eq!((answer.uuid, answer.failover), (*uuid, None));
            assert!(
                told[vb] <= answer.persisted && answer.persisted <= answer.current,
                "{answer:?}"
            );
            told[vb] = answer.persisted;
        }
    }
}

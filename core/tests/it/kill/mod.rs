//! The server is killed while clients write, many times over, and every promise about what survives is held against
//! what does:
//!
//! - a write that was acknowledged as persisted is there, or one of the same key that came after it;
//! - what survives of a vbucket is its history up to one seqno, and nothing above: the seqno at which its new branch
//!   begins;
//! - new writes have seqnos above every one that any client ever saw;
//! - a client that saw more than survived is sent back to where the branch begins, one that did not goes on, and both
//!   end up with what is stored.

mod dice;
mod ledger;
mod reader;
mod replaced;
mod round;
mod survey;
mod writers;
mod young;

use crate::program::Serving;
use dice::Dice;
use ledger::Ledger;
use reader::Follower;
use std::path::Path;
use std::time::Instant;

const VBUCKETS: u16 = 16;
const KILLS: u32 = 50;
/// Each round's moment is chosen by it.
const SEED: u64 = 0x006D_696C_6C73_7472;

/// What was held against what, over all rounds.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    /// Writes that clients sent.
    sent: u64,
    /// Writes that were acknowledged as persisted, and looked for after the kill.
    persisted: u64,
    /// Those of them that were not there.
    lost: u64,
    /// Writes of which a client knew that they took place, and that were not there: none of them was persisted.
    unpersisted: u64,
    /// Failover entries that were compared with what survived.
    branches: u64,
    /// Clients that were sent back, and that went on.
    rollbacks: u64,
    resumed: u64,
    /// Documents of a follower that were compared with what is stored.
    followed: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_that_was_acknowledged_as_persisted_is_lost() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let data = folder.path().join("data");
    // What a kill leaves of a store that is still being made is looked at elsewhere.
    young::make(&data).await;
    let begun = Instant::now();
    let (mut dice, mut tally) = (Dice::new(SEED), Tally::default());
    let mut ledger = Ledger::new();
    let mut follower = Follower::new();
    for kill in 0..KILLS {
        let all_persisted = kill % 5 == 4;
        let server = serve(&data, all_persisted);
        survey::after_a_kill(&server.address, &mut ledger, &mut follower, &mut tally).await;
        round::until_killed(
            server,
            &mut ledger,
            &mut follower,
            &mut dice,
            all_persisted,
            &mut tally,
        )
        .await;
        tally.kills += 1;
    }
    let server = serve(&data, false);
    survey::after_a_kill(&server.address, &mut ledger, &mut follower, &mut tally).await;
    drop(server);
    println!(
        "kills: {}, writes sent: {}, persisted writes checked: {}, lost: {}, known but not persisted: {}, failover entries \
         checked: {}, rolled back: {}, went on: {}, documents followed: {}, in {:.1} s",
        tally.kills,
        tally.sent,
        tally.persisted,
        tally.lost,
        tally.unpersisted,
        tally.branches,
        tally.rollbacks,
        tally.resumed,
        tally.followed,
        begun.elapsed().as_secs_f64()
    );
    assert_eq!((tally.kills, tally.lost), (u64::from(KILLS), 0));
    assert_eq!(tally.branches, u64::from(KILLS) * u64::from(VBUCKETS));
    for (name, count) in [
        ("persisted writes", tally.persisted),
        ("writes that were known but not persisted", tally.unpersisted),
        ("rollbacks", tally.rollbacks),
        ("clients that went on", tally.resumed),
        ("documents followed", tally.followed),
    ] {
        assert!(count >= 100, "{name}: only {count}, which proves little");
    }
}

fn serve(data: &Path, all_persisted: bool) -> Serving {
    let data = data.to_str().expect("temporary folders have plain names");
    let ack = if all_persisted { "persisted" } else { "memory" };
    Serving::start(&["--data", data, "--vbuckets", &VBUCKETS.to_string(), "--ack", ack])
}

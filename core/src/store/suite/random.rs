//! Random sequences of operations, each compared with the model.

use super::check::{Broken, Maker};
use super::walk::Walk;

/// How much [`random`] does.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Sequences, each on a new store.
    pub sequences: u64,
    /// Operations in each.
    pub steps: u64,
}

/// What [`random`] has done.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Sequences.
    pub sequences: u64,
    /// Operations.
    pub steps: u64,
    /// Batches committed.
    pub commits: u64,
    /// Records in them.
    pub records: u64,
    /// Scans opened.
    pub scans: u64,
    /// Scans read to their end and compared.
    pub scans_finished: u64,
    /// Scans ended by a rollback or reset.
    pub scans_ended: u64,
    /// Slices read.
    pub slices: u64,
    /// Rollbacks that came to the seqno asked for.
    pub rollbacks_exact: u64,
    /// Rollbacks that went further.
    pub rollbacks_further: u64,
    /// Tombstones purged.
    pub purged: u64,
    /// Resets.
    pub resets: u64,
    /// Times that the store was opened again.
    pub reopened: u64,
    /// Comparisons of everything.
    pub compared: u64,
}

/// Does random things with a store, and compares all that it shows with a model.
///
/// # Errors
/// The seed of the sequence, its operations so far, and what was wrong.
pub fn random(maker: &mut dyn Maker, seed: u64, size: Size) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let made = maker.make(1).map_err(|e| e.to_string())?;
    let durable = maker.reopen(made).is_some();
    for n in 0..size.sequences {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(n);
        let mut steps = Vec::new();
        let walk = Walk::begin(maker, seed, durable, &mut tally, &mut steps);
        let walked = walk.and_then(|mut walk| walk.go(size.steps));
        if let Err(Broken(what)) = walked {
            return Err(format!("{what}\nseed {seed}, after: {}", steps.join("; ")));
        }
        tally.sequences += 1;
    }
    Ok(tally)
}

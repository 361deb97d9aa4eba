//! Passes by turns, and what becomes of them.

use super::process::Took;
use crate::million::Failure;
use std::time::{Duration, Instant};

/// Between two paced writes.
pub(super) const PACE: Duration = Duration::from_millis(1);

/// Nanoseconds since `base`.
pub(super) fn since(base: Instant) -> u64 {
    u64::try_from(base.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// One side of a question.
pub(super) struct Side<'a> {
    pub(super) who: &'static str,
    /// Measures a pass; is told its number.
    pub(super) pass: Box<dyn FnMut(u32) -> Result<Took, Failure> + 'a>,
}

/// What the passes of a side took, in their order.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) who: &'static str,
    pub(super) passes: Vec<Took>,
}

/// Lets the sides take turns. A peer that fails is out of it, and said so; ours, the first, may not.
pub(super) fn take_turns(
    passes: u32,
    sides: Vec<Side<'_>>,
    failed: &mut Vec<String>,
) -> Result<Vec<Taken>, Failure> {
    let mut taken: Vec<_> =
        sides.iter().map(|side| Taken { who: side.who, passes: Vec::new() }).collect();
    let mut sides = sides;
    for pass in 0..passes {
        for (at, (side, taken)) in sides.iter_mut().zip(&mut taken).enumerate() {
            if taken.passes.len() < pass as usize {
                continue;
            }
            match (side.pass)(pass) {
                Ok(took) => taken.passes.push(took),
                Err(error) if at > 0 => failed.push(format!("{}, pass {pass}: {error}", side.who)),
                Err(error) => return Err(format!("{}: {error}", side.who).into()),
            }
        }
    }
    taken.retain(|it| it.passes.len() == passes as usize);
    Ok(taken)
}

impl Taken {
    /// The median of a figure over the passes.
    pub(super) fn median(&self, figure: impl Fn(&Took) -> Option<f64>) -> Option<f64> {
        median(self.each(figure))
    }

    /// A figure of each pass.
    pub(super) fn each(&self, figure: impl Fn(&Took) -> Option<f64>) -> Vec<f64> {
        self.passes.iter().filter_map(figure).collect()
    }

    /// The median over the passes of this side's figure by the other's.
    pub(super) fn ratio(&self, other: &Self, figure: impl Fn(&Took) -> Option<f64>) -> Option<f64> {
        let ratios = self.passes.iter().zip(&other.passes);
        median(ratios.filter_map(|(ours, theirs)| Some(figure(ours)? / figure(theirs)?)).collect())
    }
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

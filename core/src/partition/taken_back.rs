//! Seqnos that were given out and whose documents a rollback took back.

use crate::types::Seqno;

/// Ranges of seqnos, ascending and apart: a rollback adds one, or swallows those above where it goes back to.
#[derive(Clone, Debug, Default)]
pub(crate) struct TakenBack(Vec<Range>);

/// Above the first, up to the last.
#[derive(Clone, Copy, Debug)]
struct Range {
    above: Seqno,
    last: Seqno,
}

impl TakenBack {
    /// Whatever lies above `reached` is gone; `given_out` was the last seqno.
    pub(crate) fn note(&mut self, reached: Seqno, given_out: Seqno) {
        let mut above = reached;
        while let Some(range) = self.0.last().filter(|range| range.last >= reached) {
            above = above.min(range.above);
            self.0.pop();
        }
        if above < given_out {
            self.0.push(Range { above, last: given_out });
        }
    }

    /// Whether this seqno's document was taken back.
    pub(crate) fn contains(&self, seqno: Seqno) -> bool {
        let at = self.0.partition_point(|range| range.last < seqno);
        self.0.get(at).is_some_and(|range| range.above < seqno)
    }
}

#[cfg(test)]
mod tests {
    use super::{Seqno, TakenBack};

    fn among(taken: &TakenBack, seqnos: core::ops::RangeInclusive<u64>) -> Vec<u64> {
        seqnos.filter(|seqno| taken.contains(Seqno(*seqno))).collect()
    }

    #[test]
    fn rollbacks_add_up() {
        let mut taken = TakenBack::default();
        assert_eq!(among(&taken, 0..=20), [0; 0]);
        taken.note(Seqno(2), Seqno(4));
        assert_eq!(among(&taken, 0..=20), [3, 4]);
        taken.note(Seqno(7), Seqno(9));
        assert_eq!(among(&taken, 0..=20), [3, 4, 8, 9], "what was written in between stays");
        taken.note(Seqno(8), Seqno(12));
        assert_eq!(among(&taken, 0..=20), [3, 4, 8, 9, 10, 11, 12], "what is gone stays so");
        taken.note(Seqno(1), Seqno(15));
        assert_eq!(among(&taken, 0..=20), (2..=15).collect::<Vec<_>>(), "one holds the others");
        taken.note(Seqno(15), Seqno(15));
        assert_eq!(among(&taken, 0..=20), (2..=15).collect::<Vec<_>>(), "nothing was above");
    }
}

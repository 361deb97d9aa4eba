//! Random numbers that a seed repeats.

/// A small generator (SplitMix64): good enough to choose operations.
pub(in crate::store) struct Dice(u64);

impl Dice {
    pub(in crate::store) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(in crate::store) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    pub(in crate::store) fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    /// A number of an inclusive range.
    pub(in crate::store) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in `percent` of 100 cases.
    pub(in crate::store) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

//! Exactness against ledgers on one thread; sums and wake-ups on several.

mod budget;
mod ledger;
mod slots;
mod window;

/// A small generator of its own, so that each run does the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// How often something random is done; less under an interpreter.
const fn times(n: usize) -> usize {
    if cfg!(miri) { n / 1000 } else { n }
}

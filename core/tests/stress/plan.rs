//! How much is asked for, and where the figures go.

use crate::world::Total;
use std::fs;
use std::path::Path;

/// Collisions of a run with `cargo test`.
const SMALL: u64 = 3_000;

/// See the module.
pub(crate) struct Plan {
    pub(crate) collisions: u64,
    pub(crate) seed: u64,
    /// The lane's name, if its figures are wanted.
    lane: Option<String>,
}

impl Plan {
    pub(crate) fn from_environment() -> Self {
        let number = |name: &str, default: u64| match std::env::var(name) {
            Ok(text) => text.replace('_', "").parse().expect("a number in the environment"),
            Err(_) => default,
        };
        Self {
            collisions: number("MILLSTREAM_STRESS", SMALL),
            seed: number("MILLSTREAM_SEED", 1),
            lane: std::env::var("MILLSTREAM_LANE").ok(),
        }
    }

    /// Writes `target/figures/<lane>.json`.
    pub(crate) fn write_figures(&self, total: &Total, seconds: f64) {
        let Some(lane) = &self.lane else { return };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/figures");
        let counts: Vec<String> =
            total.figures().iter().map(|(what, count)| format!("\"{what}\": {count}")).collect();
        let (counts, seed, wanted) = (counts.join(", "), self.seed, self.collisions);
        let text = format!(
            "{{\"name\": \"{lane}\", \"counts\": {{\"collisions\": {}, {counts}}}, \"seconds\": {seconds:.1}, \
             \"seed\": {seed}, \"command\": \".ci/stress {lane} {wanted}\"}}\n",
            total.collisions()
        );
        fs::create_dir_all(&folder).expect("a folder for figures");
        fs::write(folder.join(format!("{lane}.json")), text).expect("the figures are written");
    }
}

/// A small generator, so that a seed names a run as far as threads let it.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    /// Passes a little time, so that two threads do not always meet at the same point.
    pub(crate) fn dawdle(&mut self) {
        for _ in 0..1 << self.below(11) {
            std::hint::spin_loop();
        }
    }
}

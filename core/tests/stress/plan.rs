//! How much is asked for, and where the figures go.

use std::fs;
use std::path::Path;

/// Collisions of a run with `cargo test`.
const SMALL: u64 = 3_000;

/// What was counted or measured, by name.
pub(crate) type Figures = Vec<(&'static str, u64)>;

/// See the module.
pub(crate) struct Plan {
    /// The lane whose figures are wanted; without one everything is run, in small.
    pub(crate) lane: Option<String>,
    pub(crate) collisions: u64,
    /// Seconds for which a reader is pinned.
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
}

impl Plan {
    pub(crate) fn from_environment() -> Self {
        let number = |name: &str, default: u64| match std::env::var(name) {
            Ok(text) => text.replace('_', "").parse().expect("a number in the environment"),
            Err(_) => default,
        };
        Self {
            lane: std::env::var("MILLSTREAM_LANE").ok(),
            collisions: number("MILLSTREAM_STRESS", SMALL),
            seconds: number("MILLSTREAM_SECONDS", 1),
            seed: number("MILLSTREAM_SEED", 1),
        }
    }

    /// Prints what came of a lane, and writes it to `target/figures/<lane>.json` if that was asked for.
    pub(crate) fn tell(&self, figures: &Figures, seconds: f64) {
        for (what, count) in figures {
            println!("{what}: {count}");
        }
        let Some(lane) = &self.lane else { return };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/figures");
        let counts: Vec<String> =
            figures.iter().map(|(what, count)| format!("\"{what}\": {count}")).collect();
        let size = match lane.as_str() {
            "stalled" | "close_all" => self.seconds,
            _ => self.collisions,
        };
        let (counts, seed) = (counts.join(", "), self.seed);
        let text = format!(
            "{{\"name\": \"{lane}\", \"counts\": {{{counts}}}, \"seconds\": {seconds:.1}, \"seed\": {seed}, \
             \"command\": \".ci/stress {lane} {size}\"}}\n",
        );
        fs::create_dir_all(&folder).expect("a folder for figures");
        fs::write(folder.join(format!("{lane}.json")), text).expect("the figures are written");
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<u64>) -> u64 {
    assert!(!values.is_empty(), "nothing was measured");
    values.sort_unstable();
    values[values.len() / 2]
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

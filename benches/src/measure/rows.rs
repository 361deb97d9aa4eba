//! What was measured, as it is written down.

use super::spread::Spread;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs, io};

/// What a value is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Processor time of one operation, in nanoseconds.
    CpuNs,
    /// Time by the clock, in nanoseconds.
    WallNs,
    /// A rate by the clock, of millions in a second.
    MillionsPerSecond,
    /// Memory.
    Bytes,
    /// How many.
    Count,
    /// A number by which another grows or shrinks.
    Factor,
    /// The exponent of a growth: 0 is constant, 1 is linear.
    Exponent,
}

impl Unit {
    /// As it is written down.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CpuNs => "ns [C]",
            Self::WallNs => "ns [wall]",
            Self::MillionsPerSecond => "M/s [wall]",
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::Factor => "x",
            Self::Exponent => "exponent",
        }
    }
}

/// What a value has to keep to.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Bar {
    /// Whether a value keeps to it.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }

    fn json(self) -> Value {
        match self {
            Self::AtMost(limit) => json!({ "at_most": limit }),
            Self::AtLeast(limit) => json!({ "at_least": limit }),
        }
    }
}

/// Where on an axis a figure was measured, such as at a number of streams: for plots and growth.
#[derive(Clone, Debug)]
pub struct Place {
    /// What is plotted: the question without the place.
    pub series: String,
    /// The axis.
    pub axis: &'static str,
    /// Where on it.
    pub x: f64,
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Row {
    /// The question.
    pub question: String,
    /// Whose figure it is.
    pub who: String,
    /// In which unit.
    pub unit: Unit,
    /// The figure.
    pub value: f64,
    /// The tenth and the ninetieth of a hundred measured values.
    pub spread: Option<(f64, f64)>,
    /// Of a distribution whose median is the value: what 99 of 100 and 999 of 1000 do not exceed.
    pub tail: Option<(f64, f64)>,
    /// The same by the clock, in nanoseconds.
    pub wall_ns: Option<f64>,
    /// How many times ours it is.
    pub ratio: Option<f64>,
    /// What it has to keep to.
    pub bar: Option<Bar>,
    /// What it was measured at.
    pub at: Option<Place>,
    /// The value of each round, if there were rounds.
    pub rounds: Vec<f64>,
}

impl Row {
    /// A bare figure.
    pub fn new(
        question: impl Into<String>,
        who: impl Into<String>,
        unit: Unit,
        value: f64,
    ) -> Self {
        let (question, who) = (question.into(), who.into());
        let (spread, tail, wall_ns, ratio, bar, at) = (None, None, None, None, None, None);
        let rounds = Vec::new();
        Self { question, who, unit, value, spread, tail, wall_ns, ratio, bar, at, rounds }
    }

    /// A distribution.
    pub fn distribution(
        question: impl Into<String>,
        who: impl Into<String>,
        unit: Unit,
        values: &Spread,
    ) -> Self {
        let row = Self::new(question, who, unit, values.median());
        let spread = Some((values.quantile(0.1), values.quantile(0.9)));
        Self { spread, tail: Some((values.quantile(0.99), values.quantile(0.999))), ..row }
    }

    /// With what it has to keep to.
    #[must_use]
    pub fn bar(self, bar: Bar) -> Self {
        Self { bar: Some(bar), ..self }
    }

    /// With how many times ours it is.
    #[must_use]
    pub fn ratio(self, ratio: f64) -> Self {
        Self { ratio: Some(ratio), ..self }
    }

    /// With what it was measured at.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { at: Some(place), ..self }
    }

    /// With the value of each round.
    #[must_use]
    pub fn rounds(self, rounds: Vec<f64>) -> Self {
        Self { rounds, ..self }
    }

    /// Whether it keeps to its bar; `None` without one.
    #[must_use]
    pub fn holds(&self) -> Option<bool> {
        self.bar.map(|bar| bar.holds(self.value))
    }

    fn json(&self) -> Value {
        json!({
            "question": self.question,
            "who": self.who,
            "unit": self.unit.as_str(),
            "value": self.value,
            "p10": self.spread.map(|(low, _)| low),
            "p90": self.spread.map(|(_, high)| high),
            "p99": self.tail.map(|(p99, _)| p99),
            "p999": self.tail.map(|(_, p999)| p999),
            "wall_ns": self.wall_ns,
            "ratio": self.ratio,
            "bar": self.bar.map(Bar::json),
            "held": self.holds(),
            "series": self.at.as_ref().map(|place| &place.series),
            "axis": self.at.as_ref().map(|place| place.axis),
            "x": self.at.as_ref().map(|place| place.x),
            "rounds": self.rounds,
        })
    }
}

/// The rows of one bench and their file, `target/figures/bench/<bench>.json`, or in the folder `BENCH_FIGURES`.
#[derive(Debug)]
pub struct Rows {
    bench: &'static str,
    rows: BTreeMap<u64, Value>,
    /// The runs that rows are from; each row has the number of its own.
    runs: Vec<Value>,
}

impl Rows {
    /// None yet; `keep` those that an earlier run wrote, for a run of only some questions.
    #[must_use]
    pub fn new(bench: &'static str, keep: bool) -> Self {
        let (mut rows, mut runs) = (BTreeMap::new(), Vec::new());
        if keep
            && let Ok(text) = fs::read_to_string(path(bench))
            && let Ok(Value::Object(file)) = serde_json::from_str(&text)
            && let Some(Value::Array(before)) = file.get("rows")
        {
            rows.extend((0..).zip(before.iter().cloned()));
            runs.extend(file.get("runs").and_then(Value::as_array).into_iter().flatten().cloned());
        }
        Self { bench, rows, runs }
    }

    /// Adds one, in the place of one that says the same.
    pub fn add(&mut self, row: &Row) {
        let mut json = row.json();
        json["run"] = self.runs.len().into();
        let same = |old: &Value| {
            ["question", "who", "unit", "x"].iter().all(|name| old[name] == json[name])
        };
        let place = self.rows.iter().find_map(|(at, old)| same(old).then_some(*at));
        let next = self.rows.keys().next_back().map_or(0, |last| last + 1);
        self.rows.insert(place.unwrap_or(next), json);
    }

    /// Writes the file; `about` tells of this run.
    pub fn write(&self, about: &Value) -> io::Result<PathBuf> {
        let path = path(self.bench);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let rows: Vec<&Value> = self.rows.values().collect();
        let runs: Vec<&Value> = self.runs.iter().chain([about]).collect();
        let file = json!({ "bench": self.bench, "runs": runs, "rows": rows });
        fs::write(&path, format!("{file:#}\n"))?;
        Ok(path)
    }
}

fn path(bench: &str) -> PathBuf {
    folder().join(format!("{bench}.json"))
}

/// Where figures go: `BENCH_FIGURES`, or the target folder's `figures/bench`.
fn folder() -> PathBuf {
    if let Some(folder) = env::var_os("BENCH_FIGURES") {
        return folder.into();
    }
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    target.join("figures/bench")
}

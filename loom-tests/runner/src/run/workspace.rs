//! The folders, and cargo in them.

use super::{Cited, Plan};
use crate::Fault;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The two switches: ours and crossbeam-epoch's. Not a bare `loom`, under which other crates change shape.
const RUSTFLAGS: &str = "--cfg millstream_loom --cfg crossbeam_loom";
/// What a model's line begins with.
const ROW: &str = "@model ";
/// What loom says of an execution whose steps do not end: a bound that was met, and not a bug that was seen.
const ENDLESS: &str = "exceeded maximum number of branches";

/// The model workspace.
pub(crate) struct Workspace {
    models: PathBuf,
    target: PathBuf,
    /// Of cargo's.
    profile: &'static str,
}

/// What a run of the binary printed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) passed: bool,
    pub(crate) took: Duration,
    /// The rows, without their mark.
    pub(crate) rows: Vec<String>,
}

impl Workspace {
    pub(crate) fn of_this_runner() -> Self {
        let runner = Path::new(env!("CARGO_MANIFEST_DIR"));
        let models = runner.parent().expect("the runner is in the model workspace");
        Self { models: models.into(), target: models.join("target/models"), profile: "release" }
    }

    /// One that is built over and over, and runs little.
    pub(crate) fn for_mutants(models: PathBuf, target: PathBuf) -> Self {
        Self { models, target, profile: "mutants" }
    }

    /// The copy whose published pointer is bare, to be run as the first tier is.
    pub(crate) fn bare(&self) -> Self {
        let (models, target) = (self.bare_folder().join("loom-tests"), self.bare_target());
        Self { models, target, profile: "release" }
    }

    pub(crate) fn product(&self) -> &Path {
        self.models.parent().expect("the model workspace is in the product's")
    }

    pub(crate) fn product_manifest(&self) -> PathBuf {
        self.product().join("Cargo.toml")
    }

    pub(crate) fn generated(&self) -> PathBuf {
        self.models.join("target/gen")
    }

    pub(crate) fn mutants_folder(&self) -> PathBuf {
        self.models.join("target/gen/mutants")
    }

    pub(crate) fn bare_folder(&self) -> PathBuf {
        self.models.join("target/gen/bare")
    }

    pub(crate) fn bare_target(&self) -> PathBuf {
        self.models.join("target/bare")
    }

    pub(crate) fn mutants_target(&self) -> PathBuf {
        self.models.join("target/mutants")
    }

    /// Builds the binary.
    pub(crate) fn build(&self) -> Result<(), Fault> {
        let output = self.cargo(&["--no-run"], &[]).output();
        let output = output.map_err(|error| Fault::new("cargo test does not start", error))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Fault::new("the models do not build", String::from_utf8_lossy(&output.stderr)))
    }

    /// The models that the binary has and the plan asks for. A file of models without one is a fault: it was not
    /// declared in `main.rs`.
    pub(crate) fn list(&self, plan: &Plan) -> Result<Vec<String>, Fault> {
        self.build()?;
        let output = self.cargo(&[], &["--list", "--format", "terse"]).args(&plan.names).output();
        let output = output.map_err(|error| Fault::new("cargo test does not start", error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let models = text.lines().filter_map(|line| line.strip_suffix(": test")).map(String::from);
        let models: Vec<_> = models.collect();
        for file in self.model_files()? {
            let declared = models.iter().any(|model| model.starts_with(&format!("{file}::")));
            if !declared && plan.names.is_empty() {
                let file = format!("tests/models/{file}.rs");
                return Err(Fault::new(file, "has no model in the binary"));
            }
        }
        Ok(models)
    }

    fn model_files(&self) -> Result<Vec<String>, Fault> {
        let folder = self.models.join("tests/models");
        let entries = fs::read_dir(&folder).map_err(|error| Fault::new(folder.display(), error))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let stems = names.filter_map(|name| name.strip_suffix(".rs").map(String::from));
        Ok(stems.filter(|stem| stem != "main").collect())
    }

    /// Runs the binary, showing its lines as they come.
    pub(crate) fn run(&self, plan: &Plan) -> Result<Outcome, Fault> {
        let began = Instant::now();
        let mut child = self
            .cargo(&[], &["--nocapture"])
            .args(&plan.names)
            .env("MILLSTREAM_MODELS", plan.tier())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Fault::new("cargo test does not start", error))?;
        let stdout = child.stdout.take().expect("stdout was asked for as a pipe");
        let mut rows = Vec::new();
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(|error| Fault::new("the models' output", error))?;
            // The test harness may have begun the line with the name of the test.
            match line.split_once(ROW) {
                Some((_, row)) => rows.push(row.to_owned()),
                None => println!("{line}"),
            }
        }
        let status = child.wait().map_err(|error| Fault::new("cargo test", error))?;
        Ok(Outcome { passed: status.success(), took: began.elapsed(), rows })
    }

    /// Runs one model that should fail: what it reported, if it did so. A failed model may take its process with it,
    /// since loom's types panic again while they are dropped; so the end of the process and its first panic count.
    /// A run that fails without a panic, or because loom took it for endless, has shown nothing.
    pub(crate) fn failure(&self, model: &str) -> Result<Option<String>, Fault> {
        let output = self
            .cargo(&[], &["--nocapture", "--exact", model])
            .env("MILLSTREAM_MODELS", "mutant")
            .env("RUST_BACKTRACE", "0")
            .output()
            .map_err(|error| Fault::new("cargo test does not start", error))?;
        if output.status.success() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let mut lines = text.lines().skip_while(|line| !line.contains("panicked at"));
        let report = lines.nth(1).map(str::trim);
        let report = report.filter(|report| !report.contains(ENDLESS));
        Ok(report.map(|report| format!("{model}: {report}")))
    }

    fn cargo(&self, options: &[&str], arguments: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command
            .args([
                "test",
                "--profile",
                self.profile,
                "--quiet",
                "--test",
                "models",
                "--manifest-path",
            ])
            .arg(self.models.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&self.target)
            .args(options)
            .arg("--")
            .args(arguments)
            .env("RUSTFLAGS", RUSTFLAGS)
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    }

    /// Models that the product's sources name in their tables of orderings.
    pub(crate) fn cited_models(&self) -> Result<Cited, Fault> {
        Cited::in_sources(self.product())
    }
}

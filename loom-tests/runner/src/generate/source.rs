//! Finds the locked sources, and exchanges.

use super::arc_swap::{ARC_SWAP, LOOM_ATOMIC};
use super::loom::LOOM;
use super::substitutions::Substitution;
use crate::Fault;
use crate::tree::Tree;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages that are written, each in a folder of its name, and what they are.
pub(crate) struct Generated {
    pub(crate) tree: Tree,
    pub(crate) versions: String,
}

/// The instrumented arc-swap and the completed loom. `workspace` is the manifest whose lock file says which.
pub(crate) fn generated(workspace: &Path) -> Result<Generated, Fault> {
    let metadata = metadata(workspace)?;
    let arc_swap = Locked::find(&metadata, "arc-swap")?;
    let mut changed = Tree::default();
    changed.read(&arc_swap.source, Path::new("src"))?;
    arc_swap.exchange(&mut changed, ARC_SWAP)?;
    changed.add("src/loom_atomic.rs", LOOM_ATOMIC);
    changed.add("Cargo.toml", &manifest(&arc_swap.version));
    let mut tree = changed.below(Path::new("arc-swap"));

    let loom = Locked::find(&metadata, "loom")?;
    let mut changed = Tree::default();
    changed.read(&loom.source, Path::new(""))?;
    loom.exchange(&mut changed, LOOM)?;
    tree.extend(changed.below(Path::new("loom")));
    let versions =
        format!("arc-swap {} instrumented, loom {} completed", arc_swap.version, loom.version);
    Ok(Generated { tree, versions })
}

fn metadata(workspace: &Path) -> Result<String, Fault> {
    let arguments = ["metadata", "--format-version", "1", "--locked", "--manifest-path"];
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).arg(workspace).output();
    let output = output.map_err(|error| Fault::new("cargo metadata does not start", error))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(Fault::new("cargo metadata failed", text(&output.stderr)))
    }
}

/// Where a locked source is.
struct Locked {
    name: &'static str,
    version: String,
    source: PathBuf,
}

impl Locked {
    fn find(metadata: &str, name: &'static str) -> Result<Self, Fault> {
        Self::read(metadata, name)
            .ok_or_else(|| Fault::new("cargo metadata", format!("names no package {name}")))
    }

    /// Reads two strings of one package; the fields of a package come in a fixed order.
    fn read(metadata: &str, name: &'static str) -> Option<Self> {
        let (_, package) = metadata.split_once(&format!(r#""name":"{name}","version":""#))?;
        let (version, rest) = package.split_once('"')?;
        let (_, manifest) = rest.split_once(r#""manifest_path":""#)?;
        let (manifest, _) = manifest.split_once('"')?;
        let manifest = PathBuf::from(manifest.replace(r"\\", r"\"));
        Some(Self { name, version: version.into(), source: manifest.parent()?.into() })
    }

    fn exchange(&self, tree: &mut Tree, all: &[Substitution]) -> Result<(), Fault> {
        for one in all {
            tree.exchange(Path::new(one.file), one.text, one.with, one.count)
                .map_err(|fault| Fault::new(format!("{} {}", self.name, self.version), fault))?;
        }
        Ok(())
    }
}

fn manifest(version: &str) -> String {
    format!(
        r#"# Written by the model runner.
[package]
name = "arc-swap"
version = "{version}"
edition = "2018"

[features]
experimental-strategies = []
experimental-thread-local = []
internal-test-strategies = []
rwlock-strategy = []
serde = []
weak = []

[dependencies]
loom = "=0.7.3"
rustversion = "1"

[lints.rust]
warnings = "allow"
unexpected_cfgs = "allow"
"#
    )
}

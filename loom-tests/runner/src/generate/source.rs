//! Finds the locked source, and exchanges.

use super::substitutions::{LOOM_ATOMIC, SUBSTITUTIONS};
use crate::Fault;
use crate::tree::Tree;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The instrumented source, and its version. `workspace` is the manifest whose lock file says which.
pub(crate) fn instrumented(workspace: &Path) -> Result<(Tree, String), Fault> {
    let locked = Locked::find(workspace)?;
    let mut tree = Tree::default();
    tree.read(&locked.source, Path::new("src"))?;
    for exchange in SUBSTITUTIONS {
        let file = Path::new("src").join(exchange.file);
        tree.exchange(&file, exchange.text, exchange.with, exchange.count)
            .map_err(|fault| Fault::new(format!("arc-swap {}", locked.version), fault))?;
    }
    tree.add("src/loom_atomic.rs", LOOM_ATOMIC);
    tree.add("Cargo.toml", &manifest(&locked.version));
    Ok((tree, locked.version))
}

/// Where the locked source is.
struct Locked {
    version: String,
    source: PathBuf,
}

impl Locked {
    fn find(workspace: &Path) -> Result<Self, Fault> {
        let arguments = ["metadata", "--format-version", "1", "--locked", "--manifest-path"];
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo).args(arguments).arg(workspace).output();
        let output = output.map_err(|error| Fault::new("cargo metadata does not start", error))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Fault::new("cargo metadata failed", text));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Self::read(&text).ok_or_else(|| Fault::new("cargo metadata", "names no arc-swap package"))
    }

    /// Reads two strings of one package; the fields of a package come in a fixed order.
    fn read(metadata: &str) -> Option<Self> {
        let (_, package) = metadata.split_once(r#""name":"arc-swap","version":""#)?;
        let (version, rest) = package.split_once('"')?;
        let (_, manifest) = rest.split_once(r#""manifest_path":""#)?;
        let (manifest, _) = manifest.split_once('"')?;
        let manifest = PathBuf::from(manifest.replace(r"\\", r"\"));
        Some(Self { version: version.into(), source: manifest.parent()?.into() })
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

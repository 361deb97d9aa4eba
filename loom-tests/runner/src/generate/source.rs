//! Finds, copies and exchanges.

use super::substitutions::{LOOM_ATOMIC, SUBSTITUTIONS, Substitution};
use crate::Fault;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Texts by their path below the package.
type Tree = BTreeMap<PathBuf, String>;

/// Writes the instrumented source to `target`. `workspace` is the manifest whose lock file says which version. Its
/// version.
pub(crate) fn write(workspace: &Path, target: &Path) -> Result<String, Fault> {
    let locked = Locked::find(workspace)?;
    let mut tree = Tree::new();
    read_folder(&locked.source, Path::new("src"), &mut tree)?;
    for substitution in SUBSTITUTIONS {
        apply(&mut tree, substitution)?;
    }
    tree.insert("src/loom_atomic.rs".into(), LOOM_ATOMIC.into());
    tree.insert("Cargo.toml".into(), manifest(&locked.version));
    for (path, text) in tree {
        write_changed(&target.join(path), &text)?;
    }
    Ok(locked.version)
}

/// Where the locked source is.
struct Locked {
    version: String,
    source: PathBuf,
}

impl Locked {
    fn find(workspace: &Path) -> Result<Self, Fault> {
        let arguments = [
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--manifest-path",
        ];
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
        Some(Self {
            version: version.into(),
            source: manifest.parent()?.into(),
        })
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

fn apply(tree: &mut Tree, substitution: &Substitution) -> Result<(), Fault> {
    let Substitution {
        file,
        text,
        with,
        count,
    } = substitution;
    let name = Path::new("src").join(file);
    let source = tree.get_mut(&name);
    let source = source.ok_or_else(|| Fault::new("arc-swap", format!("has no file src/{file}")))?;
    let found = source.matches(text).count();
    if found != *count {
        let what = format!("`{}` occurs {found} times, not {count}", text.trim());
        return Err(Fault::new(format!("arc-swap's src/{file}"), what));
    }
    *source = source.replace(text, with);
    Ok(())
}

fn read_folder(package: &Path, folder: &Path, tree: &mut Tree) -> Result<(), Fault> {
    let shown = package.join(folder);
    let entries = fs::read_dir(&shown).map_err(|error| Fault::new(shown.display(), error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Fault::new(shown.display(), error))?;
        let below = folder.join(entry.file_name());
        if entry.path().is_dir() {
            read_folder(package, &below, tree)?;
        } else {
            let text = fs::read_to_string(entry.path());
            tree.insert(
                below,
                text.map_err(|error| Fault::new(entry.path().display(), error))?,
            );
        }
    }
    Ok(())
}

/// A file that is right already keeps its time stamp, so that nothing is built again.
fn write_changed(path: &Path, text: &str) -> Result<(), Fault> {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).map_err(|error| Fault::new(folder.display(), error))?;
    fs::write(path, text).map_err(|error| Fault::new(path.display(), error))
}

//! The models that sources cite. Each row of an Orderings table ends with the model that fails if the ordering is
//! weaker; a model that is cited but does not exist is a hole in the proof.

use crate::Fault;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Packages all of whose cited models must exist.
const COMPLETE: &[&str] = &["reclaim"];
/// Packages whose models are being written: what is missing is listed.
const GROWING: &[&str] = &["core"];

/// Names of models, from both kinds of packages.
#[derive(Debug, Default)]
pub(crate) struct Cited {
    pub(crate) must_exist: BTreeSet<String>,
    pub(crate) wanted: BTreeSet<String>,
}

impl Cited {
    pub(crate) fn in_sources(product: &Path) -> Result<Self, Fault> {
        let mut cited = Self::default();
        for package in COMPLETE {
            read_folder(&product.join(package).join("src"), &mut cited.must_exist)?;
        }
        for package in GROWING {
            read_folder(&product.join(package).join("src"), &mut cited.wanted)?;
        }
        Ok(cited)
    }
}

fn read_folder(folder: &Path, models: &mut BTreeSet<String>) -> Result<(), Fault> {
    let entries = fs::read_dir(folder).map_err(|error| Fault::new(folder.display(), error))?;
    for entry in entries {
        let path = entry.map_err(|error| Fault::new(folder.display(), error))?.path();
        if path.is_dir() {
            read_folder(&path, models)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path);
            let text = text.map_err(|error| Fault::new(path.display(), error))?;
            models.extend(text.lines().flat_map(cited_in).map(String::from));
        }
    }
    Ok(())
}

/// The models in the last column of a row of six:
/// `` //! | O1 | access | ordering | pairs with | breaks | `a::b`, `a::c` | ``.
fn cited_in(line: &str) -> impl Iterator<Item = &str> {
    let row = line.strip_prefix("//! |").and_then(|row| row.trim_end().strip_suffix('|'));
    let last = row.filter(|row| row.matches(" | ").count() >= 5);
    let last = last.and_then(|row| row.rsplit(" | ").next()).unwrap_or_default();
    let quoted = last.split('`').skip(1).step_by(2);
    quoted.filter(|model| model.contains("::") && !model.ends_with('*'))
}

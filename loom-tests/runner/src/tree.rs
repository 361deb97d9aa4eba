//! Files in memory, so that what is generated is written only where it changed.

use crate::Fault;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Files by their path below some folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree(BTreeMap<PathBuf, Vec<u8>>);

impl Tree {
    /// Reads `base/folder` under the name `folder`, without what a build leaves.
    pub(crate) fn read(&mut self, base: &Path, folder: &Path) -> Result<(), Fault> {
        let shown = base.join(folder);
        let entries = fs::read_dir(&shown).map_err(|error| Fault::new(shown.display(), error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Fault::new(shown.display(), error))?;
            let below = folder.join(entry.file_name());
            if !entry.path().is_dir() {
                self.read_file(base, &below)?;
            } else if entry.file_name() != "target" {
                self.read(base, &below)?;
            }
        }
        Ok(())
    }

    /// Reads `base/file` under the name `file`.
    pub(crate) fn read_file(&mut self, base: &Path, file: &Path) -> Result<(), Fault> {
        let path = base.join(file);
        let bytes = fs::read(&path).map_err(|error| Fault::new(path.display(), error))?;
        self.0.insert(file.into(), bytes);
        Ok(())
    }

    /// Adds a file.
    pub(crate) fn add(&mut self, file: impl Into<PathBuf>, text: &str) {
        self.0.insert(file.into(), text.into());
    }

    /// The same below another folder.
    pub(crate) fn below(self, folder: &Path) -> Self {
        Self(self.0.into_iter().map(|(path, bytes)| (folder.join(path), bytes)).collect())
    }

    /// Takes all of another one.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Exchanges a text that must occur so many times.
    pub(crate) fn exchange(
        &mut self,
        file: &Path,
        text: &str,
        with: &str,
        count: usize,
    ) -> Result<(), Fault> {
        let bytes = self.0.get_mut(file);
        let bytes = bytes.ok_or_else(|| Fault::new(file.display(), "no such file"))?;
        let source = String::from_utf8_lossy(bytes);
        let found = source.matches(text).count();
        if found != count {
            let what = format!("`{}` occurs {found} times, not {count}", text.trim());
            return Err(Fault::new(file.display(), what));
        }
        *bytes = source.replace(text, with).into_bytes();
        Ok(())
    }

    /// Writes what differs: a file that is right already keeps its time stamp, so that nothing is built again.
    pub(crate) fn write(&self, target: &Path) -> Result<(), Fault> {
        for (path, bytes) in &self.0 {
            let path = target.join(path);
            if fs::read(&path).is_ok_and(|before| before == *bytes) {
                continue;
            }
            let folder = path.parent().expect("a file is in a folder");
            fs::create_dir_all(folder).map_err(|error| Fault::new(folder.display(), error))?;
            fs::write(&path, bytes).map_err(|error| Fault::new(path.display(), error))?;
        }
        Ok(())
    }
}

//! The journals as they were before the database opened them.
//!
//! The database cuts a journal off where it cannot read on: right for the torn end of a crash, and the end of
//! everything behind a damaged place. So each journal is copied first; the copies go once everything that was synced
//! has been found, and stay when something is missing, so that nothing is lost by an attempt to open a damaged store.

use std::fs;
use std::path::{Path, PathBuf};

/// Copies of the journals.
#[derive(Debug)]
pub(super) struct Salvage {
    folder: PathBuf,
}

impl Salvage {
    /// Copies what is there. `None` if copies of an earlier attempt are kept already: those are the whole ones. Where
    /// there is no room for copies the store is opened without.
    pub(super) fn take(store: &Path, database: &Path) -> Option<Self> {
        let kept = store.join(KEPT);
        if kept.exists() {
            return None;
        }
        let salvage = Self { folder: store.join(TAKEN) };
        // What an attempt that was killed left.
        let _ = fs::remove_dir_all(&salvage.folder);
        match salvage.copy(database) {
            Ok(()) => Some(salvage),
            Err(_) => {
                salvage.discard();
                None
            }
        }
    }

    fn copy(&self, database: &Path) -> std::io::Result<()> {
        fs::create_dir(&self.folder)?;
        for entry in fs::read_dir(database)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|end| end == "jnl") {
                fs::copy(entry.path(), self.folder.join(entry.file_name()))?;
            }
        }
        Ok(())
    }

    /// Nothing is missing.
    pub(super) fn discard(self) {
        // What cannot be removed now is removed when the store is opened next.
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// Something is missing: the copies stay. Says where.
    pub(super) fn keep(self, store: &Path) -> PathBuf {
        let kept = store.join(KEPT);
        match fs::rename(&self.folder, &kept) {
            Ok(()) => kept,
            Err(_) => self.folder,
        }
    }
}

/// Where copies are while the store is being opened.
const TAKEN: &str = "opening";
/// Where they stay.
pub(super) const KEPT: &str = "salvage";

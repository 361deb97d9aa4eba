//! Where streams are, and the file that remembers it.

use super::exit::Failure;
use crate::client::{Checkpoint, Event, ResumeToken};
use crate::types::VbId;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where streams are; with a file, also after the end of the process.
#[derive(Debug)]
pub(super) struct Positions {
    file: Option<PathBuf>,
    checkpoint: Checkpoint,
    changed: bool,
    saved: Instant,
}

impl Positions {
    /// From a file, if there is to be one; it need not exist yet.
    pub(super) fn load(file: Option<&Path>, now: Instant) -> Result<Self, Failure> {
        let checkpoint = match file {
            Some(file) => Checkpoint::load(file)?,
            None => Checkpoint::default(),
        };
        Ok(Self { file: file.map(Path::to_owned), checkpoint, changed: false, saved: now })
    }

    /// The vbuckets that it knows.
    pub(super) fn vbuckets(&self) -> impl Iterator<Item = VbId> {
        self.checkpoint.tokens().map(|token| token.vb)
    }

    /// Where a vbucket is; made if it is not known.
    pub(super) fn token(&mut self, vb: VbId) -> &mut ResumeToken {
        self.changed = true;
        self.checkpoint.token(vb)
    }

    /// Takes note of an event that was handed on.
    pub(super) fn update(&mut self, event: &Event) {
        self.changed = true;
        self.checkpoint.update(event);
    }

    /// Whether it is time to save it.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.file.is_some() && self.changed && now.duration_since(self.saved) >= SAVE_INTERVAL
    }

    /// Saves it. Only to be called when everything that [`Positions::update`] was told has left this process.
    pub(super) fn save(&mut self, now: Instant) -> Result<(), Failure> {
        if let Some(file) = &self.file
            && self.changed
        {
            self.checkpoint.save(file)?;
            self.changed = false;
            self.saved = now;
        }
        Ok(())
    }
}

/// Saving syncs the disk, which takes a few milliseconds; what a crash repeats is a second's worth.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

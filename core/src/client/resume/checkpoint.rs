//! Where all streams were, in a file.

use super::token::ResumeToken;
use crate::client::dcp::LentEvent;
use crate::error::{Error, ErrorKind, Result};
use crate::types::VbId;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The tokens of any number of vbuckets, and a file for them.
///
/// One token for each vbucket: whoever has several streams on one (stream ids) keeps several checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    tokens: BTreeMap<u16, ResumeToken>,
}

impl Checkpoint {
    const FORMAT: &str = "millstream-checkpoint";
    const VERSION: u64 = 1;

    /// The token of a vbucket, made if there is none.
    pub fn token(&mut self, vb: VbId) -> &mut ResumeToken {
        self.tokens.entry(vb.get()).or_insert_with(|| ResumeToken::new(vb))
    }

    /// All tokens, by vbucket.
    pub fn tokens(&self) -> impl Iterator<Item = &ResumeToken> {
        self.tokens.values()
    }

    /// Takes note of an event that was dealt with, owned or lent.
    pub fn update<'a>(&mut self, event: impl Into<LentEvent<'a>>) {
        let event = event.into();
        self.token(event.tag().vb).update(event);
    }

    /// Reads a file; one that does not exist is an empty checkpoint.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be read, `Corrupt` when it makes no sense; the text names the file and the
    /// place.
    ///
    /// # Blocking
    /// Reads the disk on the calling thread.
    pub fn load(path: &Path) -> Result<Self> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(unavailable("cannot read", path, e)),
        };
        let corrupt = |what: String| {
            Error::new(ErrorKind::Corrupt, format!("checkpoint {}: {what}", path.display()))
        };
        let value: Value = serde_json::from_slice(&text).map_err(|e| corrupt(e.to_string()))?;
        Self::from_json(&value).map_err(corrupt)
    }

    /// Writes the file anew: beside it first, synced, then in its place. After a crash it is the old one or the
    /// new one.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be written.
    ///
    /// # Blocking
    /// Writes and syncs the disk on the calling thread.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = Path::new(&beside);
        let write = || {
            let mut file = File::create(beside)?;
            file.write_all(self.to_json().to_string().as_bytes())?;
            file.sync_all()?;
            fs::rename(beside, path)?;
            sync_directory_of(path)
        };
        write().map_err(|e| unavailable("cannot write", path, e))
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let tokens: Vec<_> = self.tokens.values().map(ResumeToken::to_json).collect();
        json!({ "format": Self::FORMAT, "version": Self::VERSION, "vbuckets": tokens })
    }

    /// From what [`Checkpoint::to_json`] wrote.
    ///
    /// # Errors
    /// Says what is wrong, and of which entry.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        if value.get("format").and_then(Value::as_str) != Some(Self::FORMAT) {
            return Err(format!("\"format\" is not \"{}\"", Self::FORMAT));
        }
        match value.get("version").and_then(Value::as_u64) {
            Some(Self::VERSION) => {}
            Some(other) => {
                return Err(format!("version {other} is not one that this program reads"));
            }
            None => return Err("\"version\" is not a number".into()),
        }
        let list =
            value.get("vbuckets").and_then(Value::as_array).ok_or("\"vbuckets\" is not a list")?;
        let mut tokens = BTreeMap::new();
        for (i, value) in list.iter().enumerate() {
            let token =
                ResumeToken::from_json(value).map_err(|what| format!("entry {i}: {what}"))?;
            if let Some(first) = tokens.insert(token.vb.get(), token) {
                return Err(format!("entry {i}: vbucket {} is there twice", first.vb));
            }
        }
        Ok(Self { tokens })
    }
}

/// The new name survives a power cut only when the directory is synced too.
#[cfg(unix)]
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Elsewhere a directory cannot be opened as a file; renaming is as durable as the system makes it.
#[cfg(not(unix))]
fn sync_directory_of(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn unavailable(what: &str, path: &Path, cause: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{what} checkpoint {}", path.display()))
        .because(cause)
}

//! The database of a store, which a new store need not be waited for: it is made by a thread of its own.
//!
//! Making it takes dozens of syncs, one after the other, which is most of the time that a server takes to start.
//! Nothing needs it before the first commit, since a new store holds nothing. So only [`Making::wait`] waits, and
//! every entry point of the store that reads or writes the database begins with it.

use super::database::Database;
use super::vbucket::lock;
use crate::error::{Error, ErrorKind, Result};
use std::ops::Deref;
use std::sync::{Mutex, OnceLock};
use std::thread::{Builder, JoinHandle};

/// A database that is open, or is being made.
pub(super) struct Making {
    made: OnceLock<std::result::Result<Database, (ErrorKind, String)>>,
    maker: Mutex<Option<JoinHandle<Result<Database>>>>,
}

impl Making {
    /// One that is open.
    pub(super) fn done(database: Database) -> Self {
        Self { made: OnceLock::from(Ok(database)), maker: Mutex::new(None) }
    }

    /// Starts to make one.
    pub(super) fn start(make: impl FnOnce() -> Result<Database> + Send + 'static) -> Result<Self> {
        let maker = Builder::new().name("millstream-maker".to_owned()).spawn(make);
        let maker = maker.map_err(|e| {
            Error::new(ErrorKind::Unavailable, "cannot start a thread to make it".to_owned())
                .because(e)
        })?;
        Ok(Self { made: OnceLock::new(), maker: Mutex::new(Some(maker)) })
    }

    /// Whether nobody has to wait for it. Does not wait itself.
    pub(super) fn is_done(&self) -> bool {
        // Locked: somebody waits for the maker right now.
        let finished =
            |maker: &Option<JoinHandle<_>>| maker.as_ref().is_some_and(JoinHandle::is_finished);
        self.made.get().is_some() || self.maker.try_lock().is_ok_and(|maker| finished(&maker))
    }

    /// The database, once it is open.
    pub(super) fn wait(&self) -> Result<&Database> {
        if let Some(Ok(database)) = self.made.get() {
            return Ok(database);
        }
        let mut maker = lock(&self.maker);
        if let Some(maker) = maker.take() {
            let made = maker.join().unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Corrupt, "the maker of the database panicked".to_owned()))
            });
            // Who comes second finds no maker, and what this one has set.
            let _ = self.made.set(made.map_err(|e| (e.kind(), e.to_string())));
        }
        drop(maker);
        match self.made.get().expect("the maker was waited for") {
            Ok(database) => Ok(database),
            Err((kind, said)) => Err(Error::new(*kind, said.clone())),
        }
    }
}

impl Deref for Making {
    type Target = Database;

    /// # Panics
    /// Unless somebody has waited for it.
    fn deref(&self) -> &Database {
        let made = self.made.get().and_then(|made| made.as_ref().ok());
        made.expect("every entry point waits for the database")
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        // The folder is somebody else's as soon as it is unlocked.
        if let Some(maker) = lock(&self.maker).take() {
            // What came of it interests nobody any more.
            let _ = maker.join();
        }
    }
}

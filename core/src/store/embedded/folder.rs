//! The folder of a store: made, opened, locked, and looked over before the database may touch it.

use super::blame::named;
use super::database::Database;
use super::faults::{io_fault, no_panic};
use super::head::{Head, Run};
use super::keys::damaged;
use super::making::Making;
use super::options::EmbeddedOptions;
use super::salvage::{KEPT, Salvage};
use super::synced::Synced;
use crate::error::{Error, ErrorKind, Result};
use crate::store::checks::misuse;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_128;

/// An open folder.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) database: Making,
    pub(super) head: Head,
    pub(super) synced: Synced,
    pub(super) run: Run,
    pub(super) lock: File,
    /// The journals as they were.
    pub(super) salvage: Option<Salvage>,
}

impl Folder {
    /// Opens a folder, and makes it if there is none.
    pub(super) fn open(path: &Path, options: &EmbeddedOptions) -> Result<Self> {
        options.check()?;
        let found = Found::look(path)?;
        fs::create_dir_all(path).map_err(|e| io_fault("create", path, e))?;
        let lock = take_lock(path)?;
        let opened = if found.is_new(path)? {
            let head = Head::make(path.join(HEAD), options.vbuckets);
            head.and_then(|head| Self::make(path, options, lock, head, 0))
        } else {
            Self::open_made(path, options, lock)
        };
        opened.map_err(|e| {
            let kind = e.kind();
            Error::new(kind, format!("the store in {} cannot be opened", path.display())).because(e)
        })
    }

    /// Makes everything but the head, which says that it is being made until the first thing is written. `window` is
    /// how far earlier attempts may have come.
    fn make(
        path: &Path,
        options: &EmbeddedOptions,
        lock: File,
        head: Head,
        window: u64,
    ) -> Result<Self> {
        let db_path = path.join(DB);
        if db_path.exists() {
            fs::remove_dir_all(&db_path).map_err(|e| io_fault("remove", &db_path, e))?;
        }
        let synced = Synced::make(path.join(SYNCED), options.vbuckets)?;
        sync_folder(path)?;
        let (options, shown) = (options.clone(), path.display().to_string());
        let database = Making::start(move || {
            no_panic("cannot make the database", || Database::make(&db_path, &options)).map_err(
                |e| Error::new(e.kind(), format!("the store in {shown} cannot be made")).because(e),
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            database,
            head,
            synced,
            run: Run::Making { window },
            lock,
            salvage: None,
        })
    }

    fn open_made(path: &Path, options: &EmbeddedOptions, lock: File) -> Result<Self> {
        let (head, run) = Head::open(path.join(HEAD), options.vbuckets)?;
        if let Run::Making { window } = run {
            return Self::make(path, options, lock, head, window);
        }
        let synced = Synced::open(path.join(SYNCED), options.vbuckets)?;
        let db_path = path.join(DB);
        check_table_lists(&db_path.join("keyspaces"))?;
        let mut salvage = Salvage::take(path, &db_path);
        let database = no_panic("cannot open the database", || Database::open(&db_path, options));
        let database = database.map_err(|e| {
            let e = named(&db_path, e);
            let damaged = e.kind() == ErrorKind::Corrupt;
            match salvage.take() {
                Some(salvage) if damaged => kept_in(&salvage.keep(path), e),
                None if damaged && path.join(KEPT).exists() => kept_in(&path.join(KEPT), e),
                Some(salvage) => {
                    salvage.discard();
                    e
                }
                None => e,
            }
        })?;
        let database = Making::done(database);
        Ok(Self { path: path.to_owned(), database, head, synced, run, lock, salvage })
    }
}

/// Adds where the journals are kept as they were.
pub(super) fn kept_in(folder: &Path, error: Error) -> Error {
    let what = format!("the journals are kept in {} as they were", folder.display());
    Error::new(error.kind(), what).because(error)
}

const HEAD: &str = "head";
const LOCK: &str = "lock";
const SYNCED: &str = "synced";
pub(super) const DB: &str = "db";

/// Which of our files are there.
#[derive(Default)]
struct Found {
    head: bool,
    data: bool,
    foreign: Option<String>,
}

impl Found {
    fn look(path: &Path) -> Result<Self> {
        let mut found = Self::default();
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            Err(e) => {
                let what = format!("cannot read the folder {}", path.display());
                return Err(Error::new(ErrorKind::Unavailable, what).because(e));
            }
        };
        for entry in entries {
            let entry = entry.map_err(|e| io_fault("read", path, e))?;
            match entry.file_name().to_string_lossy().as_ref() {
                HEAD => found.head = true,
                SYNCED | DB => found.data = true,
                LOCK => {}
                other => found.foreign = Some(other.to_owned()),
            }
        }
        match &found.foreign {
            Some(name) if !found.head => Err(misuse(format!(
                "{} is not the folder of a store: it holds {name:?}",
                path.display()
            ))),
            _ => Ok(found),
        }
    }

    /// Whether nothing was ever stored here: the folder is empty, or making it was interrupted at once.
    fn is_new(&self, path: &Path) -> Result<bool> {
        let path = path.join(HEAD);
        match (self.head, self.data) {
            (false, false) => Ok(true),
            (false, true) => Err(damaged(format!("{} is missing", path.display()))),
            (true, true) => Ok(false),
            (true, false) => {
                let bytes = fs::metadata(&path).map_err(|e| io_fault("look at", &path, e))?.len();
                Ok(bytes < Head::BYTES)
            }
        }
    }
}

fn take_lock(path: &Path) -> Result<File> {
    let lock_path = path.join(LOCK);
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
    let lock = opened.map_err(|e| io_fault("open", &lock_path, e))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            ErrorKind::Unavailable,
            format!("the store in {} is in use", path.display()),
        )),
        Err(TryLockError::Error(e)) => Err(io_fault("lock", &lock_path, e)),
    }
}

/// Checks each keyspace's list of tables against its hash.
///
/// The database keeps this hash (in the file `current`: version u64, hash u128, kind u8, little-endian), but does
/// not look at it, and a damaged list can hide tables or whole keyspaces, which it would then delete.
fn check_table_lists(keyspaces: &Path) -> Result<()> {
    let entries = fs::read_dir(keyspaces).map_err(|e| io_fault("read", keyspaces, e))?;
    for entry in entries {
        let folder = entry.map_err(|e| io_fault("read", keyspaces, e))?.path();
        let name = folder.file_name().and_then(|name| name.to_str());
        if name.and_then(|name| name.parse::<u64>().ok()).is_none() {
            return Err(damaged(format!("{} does not belong there", folder.display())));
        }
        check_table_list(&folder)?;
    }
    Ok(())
}

fn check_table_list(folder: &Path) -> Result<()> {
    let current = folder.join("current");
    let said = fs::read(&current).map_err(|e| io_fault("read", &current, e))?;
    let Some((version, rest)) = said.split_first_chunk::<8>() else {
        return Err(damaged(format!("{} was cut off", current.display())));
    };
    let list = folder.join(format!("v{}", u64::from_le_bytes(*version)));
    let bytes = fs::read(&list).map_err(|e| io_fault("read", &list, e))?;
    let mut hash = xxh3_128(&bytes).to_le_bytes().to_vec();
    hash.push(0);
    if rest == hash {
        return Ok(());
    }
    Err(damaged(format!("{} does not match {}", list.display(), current.display())))
}

/// Makes the names in a folder durable. Not every system can open a folder, and those need no help.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    match File::open(path) {
        Ok(folder) => folder.sync_all().map_err(|e| io_fault("sync", path, e)),
        Err(_) => Ok(()),
    }
}

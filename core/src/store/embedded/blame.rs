//! Which file of a damaged database it is: the database itself does not say.

use super::keys::damaged;
use crate::error::{Error, ErrorKind};
use std::fs;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3Default;

/// Adds to an error of a database in a folder which of its files is damaged, if the error is damage and one is found.
/// Reads every file of the database, so it is for errors that end its use.
pub(super) fn named(folder: &Path, error: Error) -> Error {
    match error.kind() {
        ErrorKind::Corrupt => match damaged_file(folder) {
            Some(file) => damaged(format!("{} is damaged", file.display())).because(error),
            None => error,
        },
        _ => error,
    }
}

/// The first file whose content is not what it has to be.
///
/// A table's hash stands in its keyspace's list of tables, which was compared with its own hash before. The journals
/// have no hash that could be compared from outside: one is to blame if all tables are sound and there is but one.
fn damaged_file(folder: &Path) -> Option<PathBuf> {
    let version = folder.join("version");
    if fs::read(&version).is_ok_and(|bytes| !bytes.starts_with(&DATABASE_MAGIC)) {
        return Some(version);
    }
    let keyspaces = sorted(&folder.join("keyspaces"));
    keyspaces.iter().find_map(|keyspace| damaged_table(keyspace)).or_else(|| {
        let mut journals = sorted(folder);
        journals.retain(|path| path.extension().is_some_and(|end| end == "jnl"));
        if journals.len() == 1 { journals.pop() } else { None }
    })
}

fn damaged_table(keyspace: &Path) -> Option<PathBuf> {
    let current = fs::read(keyspace.join("current")).ok()?;
    let version = u64::from_le_bytes(*current.first_chunk()?);
    let list = fs::read(keyspace.join(format!("v{version}"))).ok()?;
    listed(&list).into_iter().find_map(|(id, hash)| {
        let path = keyspace.join("tables").join(id.to_string());
        (hash_of(&path) != Some(hash)).then_some(path)
    })
}

/// The tables of a list, with their hashes.
///
/// ```text
///  levels u8; for each: runs u8; for each: tables u32; for each: id u64 | 0 u8 | hash u128 | seqno u64
///  all little-endian, as one section of the file; where it begins is found by trying
/// ```
fn listed(list: &[u8]) -> Vec<(u64, u128)> {
    let whole = |from: usize| tables(&list[from..]).filter(|tables| !tables.is_empty());
    (0..list.len()).find_map(whole).unwrap_or_default()
}

fn tables(mut bytes: &[u8]) -> Option<Vec<(u64, u128)>> {
    let levels = take::<1>(&mut bytes)?[0];
    if levels != LEVELS {
        return None;
    }
    let mut found = Vec::new();
    for _ in 0..levels {
        for _ in 0..take::<1>(&mut bytes)?[0] {
            for _ in 0..u32::from_le_bytes(take(&mut bytes)?) {
                let id = u64::from_le_bytes(take(&mut bytes)?);
                if take::<1>(&mut bytes)? != [0] {
                    return None;
                }
                found.push((id, u128::from_le_bytes(take(&mut bytes)?)));
                take::<8>(&mut bytes)?;
            }
        }
    }
    // Behind it begins the list of separated values, of which there are none.
    (take::<4>(&mut bytes)? == [0; 4]).then_some(found)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

/// A file's hash, a piece at a time: a table may be large.
fn hash_of(path: &Path) -> Option<u128> {
    use std::io::Read;
    let (mut file, mut hash) = (fs::File::open(path).ok()?, Xxh3Default::new());
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece).ok()? {
            0 => return Some(hash.digest128()),
            n => hash.update(&piece[..n]),
        }
    }
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

/// What the database's marker begins with.
const DATABASE_MAGIC: [u8; 4] = *b"FJL\x03";
/// How many levels a keyspace has.
const LEVELS: u8 = 7;

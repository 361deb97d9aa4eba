//! The file `synced`: for each vbucket, what has to be there at least.
//!
//! It is written after a commit was synced, and not synced itself: after a power cut it may say less than the truth,
//! never more. So a vbucket that is behind it has lost something that was promised to stay.

use super::faults::io_fault;
use super::keys::damaged;
use crate::error::Result;
use crate::types::{Seqno, VbId};
use bytes::{Buf, BufMut};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The open file and its content.
#[derive(Debug)]
pub(super) struct Synced {
    file: File,
    path: PathBuf,
    image: Vec<u8>,
}

/// What was synced of one vbucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Promise {
    pub(super) change: u64,
    pub(super) high: Seqno,
}

impl Synced {
    /// Makes the file for a new store.
    pub(super) fn make(path: PathBuf, vbuckets: u32) -> Result<Self> {
        let opened = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let mut file = opened.map_err(|e| io_fault("create", &path, e))?;
        let image = vec![0; vbuckets as usize * ENTRY_BYTES];
        let written = file.write_all(&image).and_then(|()| file.sync_all());
        written.map_err(|e| io_fault("write", &path, e))?;
        Ok(Self { file, path, image })
    }

    /// Opens the file of a store with `vbuckets` vbuckets.
    pub(super) fn open(path: PathBuf, vbuckets: u32) -> Result<Self> {
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let mut file = opened.map_err(|e| io_fault("open", &path, e))?;
        let bytes = vbuckets as usize * ENTRY_BYTES;
        let mut image = Vec::new();
        let read = (&mut file).take(bytes as u64 + 1).read_to_end(&mut image);
        read.map_err(|e| io_fault("read", &path, e))?;
        if image.len() != bytes {
            let path = path.display();
            return Err(damaged(format!("{path} should have {bytes} bytes, but has another size")));
        }
        Ok(Self { file, path, image })
    }

    /// What has to be there of a vbucket.
    pub(super) fn promise(&self, vb: VbId) -> Result<Promise> {
        let mut entry = &self.image[range_of(vb)];
        let said = &entry[..SAID_BYTES];
        let promise = Promise { change: entry.get_u64(), high: Seqno(entry.get_u64()) };
        let check = entry.get_u64();
        let blank = promise == Promise::default() && check == 0;
        if entry.get_u64() == 0 && (blank || check == check_of(vb, said)) {
            return Ok(promise);
        }
        Err(damaged(format!("vb {vb}: its entry in {} is damaged", self.path.display())))
    }

    /// Writes the promises of some vbuckets, in order of their ids.
    pub(super) fn raise(&mut self, promises: impl Iterator<Item = (VbId, Promise)>) -> Result<()> {
        let mut run: Option<(usize, usize)> = None;
        for (vb, promise) in promises {
            let range = range_of(vb);
            self.image[range.clone()].copy_from_slice(&encode(vb, promise));
            run = match run {
                Some((start, end)) if range.start.saturating_sub(end) <= GAP_BYTES_MAX => {
                    Some((start, range.end))
                }
                Some((start, end)) => {
                    self.write(start, end)?;
                    Some((range.start, range.end))
                }
                None => Some((range.start, range.end)),
            };
        }
        run.map_or(Ok(()), |(start, end)| self.write(start, end))
    }

    /// Makes sure that a power cut takes nothing back.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|e| io_fault("sync", &self.path, e))
    }

    fn write(&mut self, start: usize, end: usize) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(start as u64))
            .and_then(|_| self.file.write_all(&self.image[start..end]))
            .map_err(|e| io_fault("write", &self.path, e))
    }
}

/// A power of two, so that no entry lies in two sectors.
const ENTRY_BYTES: usize = 32;
const SAID_BYTES: usize = 16;
/// Entries that are written again rather than skipped: it is cheaper than another call.
const GAP_BYTES_MAX: usize = 4096;

fn range_of(vb: VbId) -> std::ops::Range<usize> {
    let start = usize::from(vb.get()) * ENTRY_BYTES;
    start..start + ENTRY_BYTES
}

fn encode(vb: VbId, promise: Promise) -> [u8; ENTRY_BYTES] {
    let mut entry = [0; ENTRY_BYTES];
    let mut said = &mut entry[..];
    said.put_u64(promise.change);
    said.put_u64(promise.high.get());
    let check = check_of(vb, &entry[..SAID_BYTES]);
    entry[SAID_BYTES..SAID_BYTES + 8].copy_from_slice(&check.to_be_bytes());
    entry
}

fn check_of(vb: VbId, said: &[u8]) -> u64 {
    xxh3_64_with_seed(said, u64::from(vb.get()))
}

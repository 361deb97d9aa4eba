//! The file `head`: who made the folder, and how the last run ended.
//!
//! It holds two equal blocks, written one after the other, each synced before the next, so that whatever a crash
//! or a flipped byte does to one, the other tells the truth.

use super::faults::io_fault;
use super::keys::damaged;
use crate::error::Result;
use crate::store::checks::misuse;
use crate::store::random_identity;
use bytes::{Buf, BufMut};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// The open file.
#[derive(Debug)]
pub(super) struct Head {
    file: File,
    path: PathBuf,
    vbuckets: u32,
    identity: u128,
}

/// What the file says of the last run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// Nothing was ever written: the folder may not even be finished. An engine that had it open may have given out
    /// seqnos up to `window`.
    Making { window: u64 },
    /// It ended in order, or there was none.
    Closed { window: u64 },
    /// It has not ended, or not in order.
    Open { window: u64 },
}

impl Head {
    /// Its size once it was written whole.
    pub(super) const BYTES: u64 = 2 * BLOCK_BYTES as u64;

    /// Makes the file, for a folder that is about to be made.
    pub(super) fn make(path: PathBuf, vbuckets: u32) -> Result<Self> {
        let opened = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = opened.map_err(|e| io_fault("create", &path, e))?;
        let mut head = Self { file, path, vbuckets, identity: random_identity() };
        head.record(Run::Making { window: 0 })?;
        Ok(head)
    }

    /// Opens the file and checks that the folder is one of ours, for `vbuckets` vbuckets.
    pub(super) fn open(path: PathBuf, vbuckets: u32) -> Result<(Self, Run)> {
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let mut file = opened.map_err(|e| io_fault("open", &path, e))?;
        let mut bytes = Vec::new();
        let read = (&mut file).take(2 * BLOCK_BYTES as u64).read_to_end(&mut bytes);
        read.map_err(|e| io_fault("read", &path, e))?;
        let (made_for, run) = read_blocks(&bytes, &path)?;
        if made_for != vbuckets {
            return Err(misuse(format!(
                "{} was made for {made_for} vbuckets, not for {vbuckets}",
                folder_of(&path).display()
            )));
        }
        // The folder of an earlier version has none. What is drawn here is kept as soon as the run is recorded.
        let identity = bytes.chunks_exact(BLOCK_BYTES).find_map(decode_identity);
        let identity = identity.unwrap_or_else(random_identity);
        Ok((Self { file, path, vbuckets, identity }, run))
    }

    /// What tells the folder from others.
    pub(super) fn identity(&self) -> u128 {
        self.identity
    }

    /// Records durably how the run stands.
    pub(super) fn record(&mut self, run: Run) -> Result<()> {
        let block = encode(self.vbuckets, self.identity, run);
        for at in [0, BLOCK_BYTES as u64] {
            self.file
                .seek(SeekFrom::Start(at))
                .and_then(|_| self.file.write_all(&block))
                .and_then(|()| self.file.sync_all())
                .map_err(|e| io_fault("write", &self.path, e))?;
        }
        Ok(())
    }
}

const MAGIC: [u8; 8] = *b"MILLSTRM";
const LAYOUT: u32 = 2;
/// A sector, which a disk writes whole or not at all.
const BLOCK_BYTES: usize = 512;
const SAID_BYTES: usize = 8 + 4 + 4 + 1 + 8;
/// Where the identity is: behind the check of what a block says, with a check of its own.
const IDENTITY_AT: usize = SAID_BYTES + 8;
const IDENTITY_BYTES: usize = 16;

fn encode(vbuckets: u32, identity: u128, run: Run) -> [u8; BLOCK_BYTES] {
    let (run, window) = match run {
        Run::Making { window } => (0, window),
        Run::Closed { window } => (1, window),
        Run::Open { window } => (2, window),
    };
    let mut block = [0; BLOCK_BYTES];
    let mut said = &mut block[..];
    said.put_slice(&MAGIC);
    said.put_u32(LAYOUT);
    said.put_u32(vbuckets);
    said.put_u8(run);
    said.put_u64(window);
    let check = xxh3_64(&block[..SAID_BYTES]);
    block[SAID_BYTES..SAID_BYTES + 8].copy_from_slice(&check.to_be_bytes());
    let identity = identity.to_be_bytes();
    let mut rest = &mut block[IDENTITY_AT..];
    rest.put_slice(&identity);
    rest.put_u64(xxh3_64(&identity));
    block
}

/// The identity that a block tells; `None` if it tells none, or a damaged one.
fn decode_identity(block: &[u8]) -> Option<u128> {
    let (said, mut check) = block[IDENTITY_AT..].split_at(IDENTITY_BYTES);
    let identity = u128::from_be_bytes(said.try_into().ok()?);
    (check.get_u64() == xxh3_64(said) && identity != 0).then_some(identity)
}

/// One block that says `Open` is enough: while the other is written, nothing else is. Of two windows of a folder that
/// is being made the larger counts.
fn read_blocks(bytes: &[u8], path: &Path) -> Result<(u32, Run)> {
    let mut found = None;
    for block in bytes.chunks_exact(BLOCK_BYTES) {
        match (decode(block, path)?, found) {
            (Some(said), None) => found = Some(said),
            (Some((made_for, Run::Open { window })), Some((_, Run::Closed { .. }))) => {
                found = Some((made_for, Run::Open { window }));
            }
            (Some((made_for, Run::Open { window })), Some((_, Run::Making { .. }))) => {
                found = Some((made_for, Run::Open { window }));
            }
            (
                Some((made_for, Run::Making { window })),
                Some((_, Run::Making { window: other })),
            ) => {
                found = Some((made_for, Run::Making { window: window.max(other) }));
            }
            _ => {}
        }
    }
    found.ok_or_else(|| {
        damaged(format!(
            "{} is damaged, or {} is not the folder of a store",
            path.display(),
            folder_of(path).display()
        ))
    })
}

fn decode(block: &[u8], path: &Path) -> Result<Option<(u32, Run)>> {
    let (mut said, mut rest) = block.split_at(SAID_BYTES);
    if rest.get_u64() != xxh3_64(said) || said[..MAGIC.len()] != MAGIC {
        return Ok(None);
    }
    said.advance(MAGIC.len());
    let layout = said.get_u32();
    if layout != LAYOUT {
        return Err(misuse(format!(
            "{} has layout {layout}; this version reads layout {LAYOUT}",
            folder_of(path).display()
        )));
    }
    let vbuckets = said.get_u32();
    let (run, window) = (said.get_u8(), said.get_u64());
    Ok(match run {
        0 => Some((vbuckets, Run::Making { window })),
        1 => Some((vbuckets, Run::Closed { window })),
        2 => Some((vbuckets, Run::Open { window })),
        _ => None,
    })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

//! What the store does about damaged files: it says so, or everything that it serves is right.

use super::{small, temporary};
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::suite::dice::Dice;
use crate::store::{Batch, Durability, Persisted, Record, SliceBudget, Start, Store, VbBatch};
use crate::types::{
    Cas, Datatype, DocKind, DocMeta, FailoverEntry, RevSeqno, Seqno, VbId, VbState, VbUuid,
};
use crate::{ErrorKind, Result};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const VBUCKETS: u16 = 4;
const WINDOW: u64 = 77;

fn options() -> EmbeddedOptions {
    EmbeddedOptions { memtable_bytes_max: 64 << 10, ..small(u32::from(VBUCKETS)) }
}

fn record(dice: &mut Dice, seqno: u64, key: &str) -> Record {
    let kind = if dice.chance(20) { DocKind::Deleted } else { DocKind::Alive };
    let value: Vec<u8> = (0..dice.below(200)).map(|_| dice.roll() as u8).collect();
    Record {
        meta: DocMeta {
            seqno: Seqno(seqno),
            cas: Cas(dice.roll()),
            rev: RevSeqno(dice.below(9)),
            flags: 7,
            expiry: dice.below(50) as u32,
            datatype: Datatype::RAW,
            kind,
        },
        key: key.to_owned().into(),
        value: value.into(),
    }
}

/// Writes one batch to two vbuckets.
fn write(store: &dyn Store, dice: &mut Dice, n: u64, durability: Durability) {
    let mut part = |vb: u16| {
        let first = n * 10 + 1;
        let keys = (first..first + dice.between(1, 6)).map(|s| (s, s * 7 % 41));
        let records = keys.map(|(seqno, key)| record(dice, seqno, &format!("key-{key}")));
        VbBatch {
            vb: VbId(vb),
            records: records.collect(),
            high: Seqno(first + 7),
            replaced_within: false,
            state: Some(if n.is_multiple_of(2) { VbState::Replica } else { VbState::Active }),
            failover: Some(vec![FailoverEntry { uuid: VbUuid(n + 1), seqno: Seqno(first) }]),
        }
    };
    let batch = Batch { vbs: vec![part((n % 3) as u16), part(((n + 1) % 3) as u16)] };
    store.commit(&batch, durability).unwrap();
}

/// Makes a folder with tables, a journal of many batches, leftovers of scans and of a reset, and a clean end.
fn template(closed: bool) -> TempDir {
    let folder = temporary();
    let mut dice = Dice::new(5);
    let open = || EmbeddedStore::open(folder.path(), options()).unwrap();
    let store = open();
    store.begin(1).unwrap();
    (0..60).for_each(|n| write(&store, &mut dice, n, Durability::Buffered));
    write(&store, &mut dice, 60, Durability::Synced);
    store.flush().unwrap();
    (61..90).for_each(|n| write(&store, &mut dice, n, Durability::Buffered));
    store.flush().unwrap();
    // The journal was laid out with room to spare, which opening it again cuts off.
    store.close().unwrap();
    drop(store);
    let store = open();
    store.begin(WINDOW).unwrap();
    let scan = store.scan(VbId(0), Seqno(0)..=Seqno::MAX).unwrap();
    (90..130).for_each(|n| write(&store, &mut dice, n, Durability::Synced));
    let log = [FailoverEntry { uuid: VbUuid(9), seqno: Seqno(0) }];
    let extra = VbBatch {
        vb: VbId(3),
        records: vec![record(&mut dice, 1, "gone")],
        high: Seqno(1),
        replaced_within: false,
        state: None,
        failover: None,
    };
    store.commit(&Batch { vbs: vec![extra] }, Durability::Synced).unwrap();
    store.rollback(VbId(3), Seqno(0), &log).unwrap();
    store.purge(VbId(1), 30, 3).unwrap();
    (130..140).for_each(|n| write(&store, &mut dice, n, Durability::Synced));
    drop(scan);
    if closed {
        store.close().unwrap();
    }
    folder
}

/// Everything that a vbucket shows.
#[derive(Debug, PartialEq)]
struct Shown {
    kept: Persisted,
    keys: Vec<(Vec<u8>, DocMeta)>,
    documents: Vec<Option<Record>>,
    history: Vec<Record>,
}

fn keys_of(store: &dyn Store, vb: VbId) -> Result<Vec<(Vec<u8>, DocMeta)>> {
    let mut keys = Vec::new();
    store.keys(vb, &mut |key, meta| keys.push((key.to_vec(), *meta)))?;
    Ok(keys)
}

fn history_of(store: &dyn Store, vb: VbId) -> Result<Vec<Record>> {
    let mut scan = store.scan(vb, Seqno(0)..=Seqno::MAX)?;
    let mut history = Vec::new();
    while scan.next(SliceBudget { bytes: 1000, items: 50 }, &mut history)?.more {}
    Ok(history)
}

fn documents_of(store: &dyn Store, vb: VbId) -> Vec<Result<Option<Record>>> {
    (0..41).map(|key| store.get(vb, format!("key-{key}").as_bytes())).collect()
}

fn shown(store: &dyn Store, vb: VbId) -> Shown {
    Shown {
        kept: store.load(vb).unwrap(),
        keys: keys_of(store, vb).unwrap(),
        documents: documents_of(store, vb).into_iter().map(Result::unwrap).collect(),
        history: history_of(store, vb).unwrap(),
    }
}

/// Whether an answer is right; an error must own up to damage.
fn is_right<T: PartialEq>(got: Result<T>, want: &T, what: &str) -> bool {
    match got {
        Ok(got) if got == *want => true,
        Ok(_) => panic!("{what} is wrong"),
        Err(e) => {
            let honest = matches!(e.kind(), ErrorKind::Corrupt | ErrorKind::Unavailable);
            assert!(honest, "{what} failed with {:?}: {e}", e.kind());
            false
        }
    }
}

/// Whether everything that the vbucket shows was read, and right.
fn check(store: &dyn Store, vb: VbId, want: &Shown) -> bool {
    let documents = documents_of(store, vb).into_iter().zip(&want.documents);
    let right = [
        is_right(store.load(vb), &want.kept, "what is kept"),
        is_right(keys_of(store, vb), &want.keys, "a list of keys"),
        is_right(history_of(store, vb), &want.history, "a scan"),
        documents.fold(true, |all, (got, want)| is_right(got, want, "a document") && all),
    ];
    right.into_iter().all(|right| right)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// The files of a folder that are not empty, in a fixed order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false if entry.metadata().unwrap().len() > 0 => found.push(entry.path()),
            false => {}
        }
    }
    found.sort();
    found
}

/// Damages one file. Returns what it did.
fn damage(folder: &Path, dice: &mut Dice) -> String {
    let files = files(folder);
    let bytes: Vec<u64> = files.iter().map(|file| fs::metadata(file).unwrap().len()).collect();
    let mut at = dice.below(bytes.iter().sum());
    let by_size = bytes.iter().position(|&bytes| {
        let here = at < bytes;
        at = at.saturating_sub(if here { 0 } else { bytes });
        here
    });
    let file = match dice.chance(50) {
        true => by_size.unwrap(),
        false => dice.below(files.len() as u64) as usize,
    };
    let path = &files[file];
    let mut content = fs::read(path).unwrap();
    let at = dice.below(content.len() as u64) as usize;
    let kind = match dice.below(100) {
        0..60 => {
            content[at] ^= 1 << dice.below(8);
            "one bit of"
        }
        60..70 => {
            content[at..].iter_mut().take(8).for_each(|byte| *byte ^= dice.roll() as u8);
            "eight bytes of"
        }
        70..80 => {
            content[at / 512 * 512..].iter_mut().take(512).for_each(|byte| *byte = 0);
            "a sector of"
        }
        _ => {
            content.truncate(at);
            "the end of"
        }
    };
    fs::write(path, content).unwrap();
    format!("{kind} {} at {at}", path.strip_prefix(folder).unwrap().display())
}

#[derive(Debug, Default)]
struct Ends {
    refused_at_open: u32,
    refused_in_part: u32,
    all_right: u32,
}

fn damage_and_look(closed: bool, seed: u64, cases: u32) -> Ends {
    let template = template(closed);
    let place = temporary();
    let folder = place.path().join("store");
    copy(template.path(), &folder);
    let healthy = EmbeddedStore::open(&folder, options()).unwrap();
    let want: Vec<Shown> = (0..VBUCKETS).map(|vb| shown(&healthy, VbId(vb))).collect();
    assert!(want[0].history.len() > 20 && want[3].kept.failover.len() == 1);
    drop(healthy);
    let mut ends = Ends::default();
    for case in 0..cases {
        fs::remove_dir_all(&folder).unwrap();
        copy(template.path(), &folder);
        let done = damage(&folder, &mut Dice::new(seed + u64::from(case)));
        let store = match EmbeddedStore::open(&folder, options()) {
            Ok(store) => store,
            Err(e) => {
                let honest = matches!(e.kind(), ErrorKind::Corrupt | ErrorKind::Unavailable);
                assert!(honest, "{done}: refused with {:?}: {e}", e.kind());
                ends.refused_at_open += 1;
                continue;
            }
        };
        let start = Start { clean: closed, window_before: WINDOW };
        assert_eq!(store.begin(1).unwrap(), start, "{done}");
        let vbs = (0..VBUCKETS).map(VbId).zip(&want);
        match vbs.fold(true, |all, (vb, want)| check(&store, vb, want) && all) {
            true => ends.all_right += 1,
            false => ends.refused_in_part += 1,
        }
    }
    ends
}

#[test]
fn damage_is_found_or_harmless() {
    for closed in [true, false] {
        let ends = damage_and_look(closed, 1, 150);
        println!("closed: {closed}: {ends:?}");
    }
}

#[test]
fn the_damaged_file_is_named_if_it_keeps_the_store_from_opening() {
    let template = template(true);
    let place = temporary();
    let folder = place.path().join("store");
    let refused = |file: &Path, content: &[u8]| {
        let _ = fs::remove_dir_all(&folder);
        copy(template.path(), &folder);
        let path = folder.join(file);
        fs::write(&path, content).unwrap();
        let refused = EmbeddedStore::open(&folder, options()).map(drop).err();
        refused.map(|e| (e.kind(), e.to_string().contains(&*path.to_string_lossy()), e.to_string()))
    };
    let mut tables = 0;
    for path in files(template.path()) {
        let file = path.strip_prefix(template.path()).unwrap();
        let is_table = path.parent().is_some_and(|folder| folder.ends_with("tables"));
        let content = fs::read(&path).unwrap();
        if is_table {
            tables += 1;
            let (kind, named, e) = refused(file, &content[..content.len() / 2]).expect("refused");
            assert!(kind == ErrorKind::Corrupt && named, "{}: {e}", file.display());
        }
        // Whatever is refused for a flipped byte names its file, too.
        let mut flipped = content.clone();
        *flipped.last_mut().expect("it is not empty") ^= 0xFF;
        let is_lock = file.ends_with("lock");
        if let Some((_, named, e)) = refused(file, &flipped) {
            assert!(named || is_lock, "{}: {e}", file.display());
        }
    }
    assert!(tables >= 5, "{tables} tables");
}

//! A database that is made while its store is in use already.

use super::{small, temporary};
use crate::store::embedded::database::Database;
use crate::store::embedded::making::Making;
use crate::{Error, ErrorKind, Result};
use std::sync::mpsc::channel;
use std::thread;
use tempfile::TempDir;

fn make(folder: &TempDir) -> Result<Database> {
    Database::make(&folder.path().join("db"), &small(1))
}

#[test]
fn who_needs_it_waits_and_nobody_else() {
    let folder = &temporary();
    let (go, gone) = channel::<()>();
    let path = folder.path().to_owned();
    let making = Making::start(move || {
        gone.recv().expect("told to go on");
        Database::make(&path.join("db"), &small(1))
    });
    let making = &making.expect("a thread");
    assert!(!making.is_done());
    thread::scope(|scope| {
        let waiters = [(); 3].map(|()| scope.spawn(|| making.wait().map(Database::disk_bytes)));
        assert!(!making.is_done());
        go.send(()).expect("it waits");
        for waiter in waiters {
            waiter.join().expect("it does not panic").expect("it is made");
        }
    });
    assert!(making.is_done());
    assert_eq!(making.last_commit().expect("it is open"), 0);
}

#[test]
fn everybody_is_told_why_it_cannot_be_made() {
    let full = || Err(Error::new(ErrorKind::Unavailable, "the disk is full".to_owned()));
    let making = Making::start(full).expect("a thread");
    for _ in 0..2 {
        let e = making.wait().map(drop).expect_err("it cannot be made");
        assert_eq!((e.kind(), e.to_string()), (ErrorKind::Unavailable, "the disk is full".into()));
    }
    let panics = Making::start(|| panic!("as a test wants it")).expect("a thread");
    assert_eq!(panics.wait().map(drop).expect_err("no database").kind(), ErrorKind::Corrupt);
}

#[test]
fn it_is_not_left_behind() {
    let folder = temporary();
    let (went, seen) = channel();
    let path = folder.path().to_owned();
    let making = Making::start(move || {
        let made = Database::make(&path.join("db"), &small(1));
        went.send(()).expect("somebody looks");
        made
    });
    drop(making.expect("a thread"));
    seen.try_recv().expect("its maker was waited for");
    // Nobody has it open any more.
    fs_remove(&folder);
    make(&folder).expect("it can be made anew");
}

fn fs_remove(folder: &TempDir) {
    std::fs::remove_dir_all(folder.path().join("db")).expect("it is there");
}

use super::kv;
use super::server::{Documents, bootstrap, reply};
use crate::client::{BulkReport, NotStored, WriteOptions};
use crate::error::ErrorKind;
use crate::limits::CLIENT_BULK_WINDOW;
use crate::wire::{Frame, Opcode, Status};
use bytes::BytesMut;
use core::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

/// Keys of which every hundredth is refused.
fn documents(n: usize) -> impl Iterator<Item = (String, String)> {
    (0..n).map(|i| {
        let good = if i % 100 == 99 { "bad" } else { "key" };
        (format!("{good}-{i}"), "v".repeat(i % 300))
    })
}

#[tokio::test]
async fn everything_is_stored_but_what_is_refused() {
    for (pipe, n) in [(1 << 16, 10_000), (97, 2500), (1 << 20, 0), (1 << 16, CLIENT_BULK_WINDOW)] {
        let mut client = kv(pipe, Documents::default()).await;
        let report = client.set_many(documents(n), WriteOptions::default()).await.unwrap();
        let bad = documents(n).filter(|(key, _)| key.starts_with("bad"));
        let status = Status::EACCESS;
        let failed: Vec<_> = bad.map(|(key, _)| NotStored { key, status }).collect();
        assert_eq!(report.stored, (n - failed.len()) as u64);
        assert_eq!(report.failed, failed);
        for (key, value) in documents(n).step_by(61) {
            let got = client.get(key.as_bytes()).await.unwrap();
            let stored = !key.starts_with("bad");
            assert_eq!(got.map(|got| got.value), stored.then(|| value.into()));
        }
    }
}

#[tokio::test]
async fn writes_are_quiet_and_two_windows_are_under_way() {
    let (tell, told) = mpsc::channel();
    let mut kept = Vec::new();
    // Keeps the first NOOP unanswered until the second has come: one window alone would wait for ever.
    let server = move |frame: &Frame, out: &mut BytesMut| {
        if bootstrap(frame, out) {
            return true;
        }
        tell.send(frame.opcode()).unwrap();
        if frame.opcode() == Opcode::NOOP {
            kept.push(frame.clone());
            if kept.len() >= 2 {
                kept.drain(..).for_each(|noop| reply(&noop, Status::SUCCESS, b"", out));
            }
        }
        true
    };
    let mut client = kv(1 << 16, server).await;
    let n = 4 * CLIENT_BULK_WINDOW;
    let all = documents(n);
    let report = client.set_many(all, WriteOptions::default()).await.unwrap();
    assert_eq!(report, BulkReport { stored: n as u64, failed: vec![] });
    let told: Vec<_> = told.try_iter().collect();
    let count = |opcode| told.iter().filter(|&&seen| seen == opcode).count();
    assert_eq!((count(Opcode::SETQ), count(Opcode::NOOP), told.len()), (n, 4, n + 4));
}

#[tokio::test]
async fn a_server_that_goes_away_is_an_error() {
    let left = Arc::new(AtomicUsize::new(100));
    let server = move |frame: &Frame, out: &mut BytesMut| {
        bootstrap(frame, out) || left.fetch_sub(1, SeqCst) > 1
    };
    let mut client = kv(1 << 12, server).await;
    let error = client.set_many(documents(50_000), WriteOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_key_that_cannot_be_stops_the_write() {
    let mut client = kv(1 << 16, Documents::default()).await;
    let keys = [("good", "1"), ("", "2"), ("never", "3")];
    let error = client.set_many(keys, WriteOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    // The client still works, and what came before the key arrives.
    assert!(client.get(b"good").await.unwrap().is_some());
    assert!(client.get(b"never").await.unwrap().is_none());
}

#[tokio::test]
async fn a_write_that_nobody_wants_any_more_is_broken_off() {
    let mut client = kv(1 << 16, Documents::default()).await;
    let (mut told, options) = (Vec::new(), WriteOptions::default());
    let all = documents(10_000);
    let report = client.set_many_while(all, options, |so_far| {
        told.push((so_far.answered, so_far.failed, so_far.refused));
        if so_far.failed < 12 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let report = report.await.unwrap();
    assert_eq!((report.stored, report.failed.len()), (1200 - 12, 12));
    let mut expected: Vec<_> = (1..=12).map(|n| (n * 100, n, Some(Status::EACCESS))).collect();
    expected.insert(10, (CLIENT_BULK_WINDOW as u64, 10, None));
    assert_eq!(told, expected, "each refusal, and the window that was answered");
    // What was under way is answered still, and is in nobody's way.
    assert!(client.get(b"key-1").await.unwrap().is_some());
    assert!(client.get(b"bad-99").await.unwrap().is_none());
    let report = client.set_many(documents(250), options).await.unwrap();
    assert_eq!((report.stored, report.failed.len()), (248, 2));
}

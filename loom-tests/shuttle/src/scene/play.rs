//! One schedule, from the engine's opening to the end of the last thing that lived.

use super::client::Client;
use super::closer::{self, Done};
use super::dice::{below, one_in};
use super::seen::{self, add};
use super::store;
use millstream::engine::{EngineBuilder, EngineSettings, ShutdownReport};
use millstream::producer::OpenOptions;
use millstream::{Engine, census};
use shuttle::thread::{self, JoinHandle};
use std::sync::Arc;

/// Times that the others may run until everything must be gone.
const PATIENCE: u32 = 10_000;

/// Runs everybody at once, shuts down, and checks what is left.
pub(crate) fn play() {
    census::reset();
    let mut settings = EngineSettings::default();
    settings.window_items = 8;
    settings.backfill_workers = 1;
    if one_in(4) {
        // One place for scans: the others wait at the gate.
        settings.backfills_max = 1;
    }
    if one_in(4) {
        // Full after each slice: the next waits until it has drained.
        settings.backfill_buffer_bytes = 4;
    }
    // One in four is calm: nobody closes anything until every client has everything.
    let calm = one_in(4);
    let store = Arc::new(store::with_past());
    let engine = EngineBuilder::new(Arc::clone(&store)).settings(settings).open();
    let engine = engine.expect("a memory store opens");
    let connect = |n: u64| engine.connect(&format!("client{n}"), OpenOptions::default());
    let producers: Vec<_> = (0..1 + below(2)).map(|n| connect(n).expect("it is open")).collect();
    let handles: Vec<_> = producers.iter().map(|producer| producer.handle()).collect();

    let clients: Vec<_> = producers
        .into_iter()
        .map(|producer| thread::spawn(move || Client::new(producer, calm).run()))
        .collect();
    let mut others: Vec<JoinHandle<Vec<Done>>> = (0..if calm { 0 } else { 2 })
        .map(|_| {
            let (engine, handles) = (engine.clone(), handles.clone());
            thread::spawn(move || closer::close(&engine, &handles))
        })
        .collect();
    others.push(with(&engine, if calm { closer::fill } else { closer::write }));
    if one_in(2) {
        others.push(with(&engine, closer::look));
    }
    let done = others.into_iter().flat_map(|other| other.join().expect("it did not panic"));
    let done: Vec<Done> = done.collect();

    let clients = if calm { join(clients) } else { clients };
    let report = end(engine);
    assert!(report.clean, "not closed in order: {report:?}");
    assert_eq!(report.held, 0, "a value had an owner after its grace period");
    for deed in &done {
        if let Done::Wrote(accepted) = deed {
            accepted.check(&store, &done);
        }
    }
    join(clients);
    for handle in &handles {
        assert_eq!(handle.close_all(), 0, "a stream lived on");
    }
    drop(handles);
    for _ in 0..PATIENCE {
        if census::ENGINES.gone() == 1 && census::settle().is_ok() {
            break;
        }
        thread::yield_now();
    }
    assert_eq!(census::ENGINES.gone(), 1, "the engine lives on");
    if let Err(wrong) = census::settle() {
        panic!("{wrong}");
    }
    add(&seen::CALM, u64::from(calm));
    add(&seen::STREAMS, census::ENDED.count());
    add(&seen::BACKFILLS, census::BACKFILLS.gone());
    add(&seen::MANAGERS, census::MANAGERS.gone());
}

fn join(clients: Vec<JoinHandle<()>>) -> Vec<JoinHandle<()>> {
    for client in clients {
        client.join().expect("it did not panic");
    }
    Vec::new()
}

fn with(engine: &Engine, run: fn(&Engine) -> Vec<Done>) -> JoinHandle<Vec<Done>> {
    let engine = engine.clone();
    thread::spawn(move || run(&engine))
}

/// Shuts down, or lets the last handle go, which is the same; then waits until all is done.
fn end(engine: Engine) -> ShutdownReport {
    let quiesce = engine.quiesce();
    if one_in(2) {
        engine.shutdown();
    } else {
        seen::LAST_HANDLES.add();
    }
    drop(engine);
    shuttle::future::block_on(quiesce)
}

//! One schedule, from the engine's opening to the end of the last thing that lived.

use super::client::Client;
use super::closer;
use super::dice::{below, one_in};
use super::store;
use millstream::engine::{EngineBuilder, EngineSettings, ShutdownReport};
use millstream::producer::OpenOptions;
use millstream::{Engine, census};
use shuttle::thread::{self, JoinHandle};

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
    let engine = EngineBuilder::new(store::with_past()).settings(settings).open();
    let engine = engine.expect("a memory store opens");
    let connect = |n: u64| engine.connect(&format!("client{n}"), OpenOptions::default());
    let producers: Vec<_> = (0..1 + below(2)).map(|n| connect(n).expect("it is open")).collect();
    let handles: Vec<_> = producers.iter().map(|producer| producer.handle()).collect();

    let clients: Vec<_> = producers
        .into_iter()
        .map(|producer| thread::spawn(move || Client::new(producer).run()))
        .collect();
    let mut others: Vec<JoinHandle<()>> = (0..2)
        .map(|_| {
            let (engine, handles) = (engine.clone(), handles.clone());
            thread::spawn(move || closer::close(&engine, &handles))
        })
        .collect();
    others.push(with(&engine, closer::write));
    if one_in(2) {
        others.push(with(&engine, closer::look));
    }
    for other in others {
        other.join().expect("it did not panic");
    }

    let report = end(engine);
    assert!(report.clean, "not closed in order: {report:?}");
    assert_eq!(report.held, 0, "a value had an owner after its grace period");
    for client in clients {
        client.join().expect("it did not panic");
    }
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
}

fn with(engine: &Engine, run: fn(&Engine)) -> JoinHandle<()> {
    let engine = engine.clone();
    thread::spawn(move || run(&engine))
}

/// Shuts down, or lets the last handle go, which is the same; then waits until all is done.
fn end(engine: Engine) -> ShutdownReport {
    let quiesce = engine.quiesce();
    if one_in(2) {
        engine.shutdown();
    }
    drop(engine);
    shuttle::future::block_on(quiesce)
}

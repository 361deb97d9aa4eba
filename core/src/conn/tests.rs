//! The roster and the connection map, through an engine's connections.

use crate::engine::Engine;
use crate::error::ErrorKind;
use crate::producer::OpenOptions;
use crate::store::MemoryStore;

fn engine() -> Engine {
    Engine::open(MemoryStore::new(2)).expect("a memory store opens")
}

#[test]
fn connections_come_and_go_in_any_order() {
    let engine = engine();
    let mut kept = Vec::new();
    for n in 0..500 {
        kept.push(engine.connect(&format!("c{n}"), OpenOptions::default()).expect("connects"));
    }
    let names = |engine: &Engine| -> Vec<String> {
        engine.connections().into_iter().map(|c| c.name).collect()
    };
    assert_eq!(names(&engine).len(), 500);
    let mut n = 0;
    kept.retain(|_| {
        n += 1;
        n % 3 == 0
    });
    let expected: Vec<String> = kept.iter().map(|p| p.name().to_string()).collect();
    assert_eq!(names(&engine), expected, "in order of their ids, without those that left");
    drop(kept);
    assert!(engine.connections().is_empty());
}

#[test]
fn many_threads_connect_and_leave_while_one_shuts_down() {
    const EACH: usize = if cfg!(miri) { 5 } else { 500 };
    let engine = engine();
    let ended: Vec<(usize, usize, Vec<_>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let engine = &engine;
                scope.spawn(move || {
                    let (mut connected, mut refused) = (0, 0);
                    let mut held = Vec::new();
                    for n in 0..EACH {
                        let name = format!("{thread}-{n}");
                        match engine.connect(&name, OpenOptions::default()) {
                            Ok(producer) => {
                                connected += 1;
                                held.push(producer);
                                held.truncate(7);
                            }
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::Closed);
                                refused += 1;
                            }
                        }
                        if thread == 0 && n == EACH / 2 {
                            engine.shutdown();
                        }
                    }
                    (connected, refused, held)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("a thread")).collect()
    });
    let connected: usize = ended.iter().map(|(connected, ..)| connected).sum();
    let refused: usize = ended.iter().map(|(_, refused, _)| refused).sum();
    // Not before shutdown has returned: it closes one after the other.
    let mut held = ended.into_iter().flat_map(|(.., held)| held);
    assert!(held.all(|producer| is_closed(&producer)), "shutdown closed what was open");
    assert_eq!(connected + refused, 3 * EACH);
    assert!(refused > 0, "nothing is added after shutdown");
    drop(held);
    assert!(engine.connections().is_empty(), "everybody left");
    println!("connection map: {connected} connected, {refused} refused after shutdown");
}

fn is_closed(producer: &crate::producer::Producer) -> bool {
    producer.handle().is_closed()
}

#[test]
fn names_are_checked() {
    let engine = engine();
    for name in [String::new(), "x".repeat(201)] {
        let refused = engine.connect(&name, OpenOptions::default());
        assert!(refused.is_err_and(|e| e.kind() == ErrorKind::Misuse));
    }
    assert!(engine.connect(&"x".repeat(200), OpenOptions::default()).is_ok());
}

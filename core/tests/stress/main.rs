//! x
fn main() {
    use millstream::producer::OpenOptions;
    use millstream::store::MemoryStore;
    use millstream::{Engine, census};
    use std::time::Duration;
    let engine = Engine::open(MemoryStore::new(2)).unwrap();
    let producer = engine.connect("a", OpenOptions::default()).unwrap();
    engine.shutdown();
    println!("{:?}", engine.quiesce_blocking(Duration::from_secs(10)));
    drop(engine);
    drop(producer);
    for _ in 0..1000000 {
        if census::settle().is_ok() {
            break;
        };
        std::thread::yield_now();
    }
    println!("{:?} {:?} {:?}", census::settle(), census::ENGINES, census::CONNECTIONS);
}

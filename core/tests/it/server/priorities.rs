//! What a connection's priority does where connections share a thread.

use super::client::Client;
use super::dcp::{Dcp, from_zero};
use super::running::Wanted;
use millstream::Engine;
use millstream::server::Server;
use millstream::store::MemoryStore;
use millstream::types::Seqno;
use millstream::wire::dcp::{Open, OpenFlags, StreamReq};
use millstream::wire::{Opcode, Status};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::yield_now;

const DOCUMENTS: u64 = 2000;
const VALUE: [u8; 8 * 1024] = [b'v'; 8 * 1024];
const KIB: u64 = 1024;

/// Reads a whole stream as fast as it comes.
fn read_all(address: SocketAddr, priority: &str) {
    let mut client = Client::connect(address);
    let open = Open { flags: OpenFlags::PRODUCER, name: priority.as_bytes(), value: &[] };
    assert_eq!(client.status(|opaque, out| open.encode(opaque, out)), Status::SUCCESS);
    let mut dcp = Dcp::adopt(client);
    dcp.control("set_priority", priority);
    dcp.request_streams(&[StreamReq { end: Seqno(DOCUMENTS), ..from_zero(0) }]);
    while dcp.message().opcode() != Opcode::DCP_STREAM_END {}
}

/// The most that each connection sent between two looks, by its name.
async fn watch(engine: Engine, mut over: oneshot::Receiver<()>) -> HashMap<String, u64> {
    let (mut before, mut most) = (HashMap::new(), HashMap::new());
    while over.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
        for connection in engine.connections() {
            let sent = connection.bytes_sent;
            let since = sent - before.insert(connection.name.clone(), sent).unwrap_or(0);
            let most: &mut u64 = most.entry(connection.name).or_default();
            *most = since.max(*most);
        }
        yield_now().await;
    }
    most
}

/// The watch shares the thread with the connections: between two of its looks each has one turn, so that the most that
/// one sent in between is what its priority allows.
#[test]
fn a_turn_is_as_long_as_the_priority_says() {
    let mut wanted = Wanted::default();
    wanted.engine.memory_bytes = 256 * 1024 * 1024;
    let engine = Engine::builder(MemoryStore::new(1)).settings(wanted.engine).open();
    let engine = engine.expect("an engine");
    let mut session = engine.session("test");
    for n in 0..DOCUMENTS {
        session.set(&n.to_be_bytes(), &VALUE).expect("written");
    }
    drop(session);
    let server = Server::bind(engine.clone(), wanted.server).expect("a free port");
    let address = server.local_addr();
    let (done, over) = oneshot::channel();
    let watched = engine.clone();
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let mut most = HashMap::new();
        let watch = async { most = watch(watched, over).await };
        runtime.expect("a runtime").block_on(server.run(watch)).expect("it serves");
        most
    });
    let readers = ["high", "medium", "low"]
        .map(|priority| std::thread::spawn(move || read_all(address, priority)));
    readers.into_iter().for_each(|reader| reader.join().expect("all of it came"));
    done.send(()).expect("the watch goes on");
    let most = serving.join().expect("the server did not panic");
    for (priority, room) in [("high", 1024 * KIB), ("medium", 512 * KIB), ("low", 256 * KIB)] {
        // A turn fills the output, and may fill half of it again when the socket has taken as much.
        let (sent, document) = (most[priority], 9 * KIB);
        assert!(sent >= room - document, "{priority}: {sent}");
        assert!(sent <= 2 * (room + document), "{priority}: {sent}");
    }
    engine.shutdown();
    engine.quiesce_blocking(Duration::from_secs(60)).expect("nobody stalls");
}

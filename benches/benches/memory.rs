//! What does an idle stream, a connection, a vbucket, a document in memory take?
//!
//! Counted by the allocator, as bytes that were asked for and not given back: what malloc adds is not in it. Of
//! connections over TCP also what the system counts as resident, which leaves out memory that nobody has touched.
#![allow(unused_crate_dependencies, reason = "the package's dependencies are those of all benches")]
#![expect(unsafe_code, reason = "an allocator that counts")]

use benches::measure::{Bar, Bench, Row, Unit};
use benches::workload::{
    Connection, Documents, Forgetful, Millstream, Received, Streaming, Writer,
};
use bytes::BytesMut;
use millstream::server::{Server, ServerSettings};
use millstream::types::{Opaque, VbId};
use millstream::wire::HEADER_BYTES;
use millstream::wire::dcp::{Open, OpenFlags};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Counts what is in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the system's allocator, as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Relaxed: a count that is read when all is quiet.
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // Relaxed: see `alloc`.
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What is in use when all is quiet: engines that were dropped are gone, and what was written is persisted.
fn in_use() -> f64 {
    // Relaxed: see `alloc`.
    let read = || IN_USE.load(Ordering::Relaxed);
    let mut before = read();
    for _ in 0..100 {
        thread::sleep(Duration::from_millis(100));
        let now = read();
        if now == before {
            break;
        }
        before = now;
    }
    before as f64
}

fn main() -> ExitCode {
    Bench::run("memory", |bench| {
        streams(bench);
        connections(bench);
        sockets(bench);
        vbuckets(bench);
        for value_bytes in [16, 256, 4096] {
            documents(bench, value_bytes);
        }
    })
}

/// Bytes that `make` leaves in use, for each of `count`.
fn grown<T>(count: usize, make: impl FnOnce() -> T) -> (f64, T) {
    let before = in_use();
    let made = make();
    ((in_use() - before) / count as f64, made)
}

fn show(bench: &mut Bench, question: &str, bytes: f64, bar: Option<f64>) {
    let row = Row::new(question, Millstream::NAME, Unit::Bytes, bytes);
    bench.row(bar.map_or(row.clone(), |limit| row.bar(Bar::AtMost(limit))));
}

fn streams(bench: &mut Bench) {
    let question = "memory of an idle stream";
    let count = bench.sized(65_536, 64);
    if !bench.wants(question) {
        return;
    }
    let engine = Millstream::new(count as u32);
    let mut connection = engine.connect("streams");
    let (bytes, ()) = grown(count, || {
        for vb in 0..count {
            connection.open(VbId(vb as u16));
        }
        // Once round, so that each has found nothing and sleeps.
        assert_eq!(connection.run(&mut Received::default()), 0);
    });
    show(bench, question, bytes, Some(512.0));
}

fn connections(bench: &mut Bench) {
    let count = bench.sized(1000, 10);
    for (vbuckets, bar) in [(1, None), (1024, Some(8192.0)), (65_536, None)] {
        let question = format!("memory of an idle connection, vbuckets {vbuckets}");
        if !bench.wants(&question) {
            continue;
        }
        let engine = Millstream::new(vbuckets);
        let connect = |n: usize| engine.connect(&format!("connection {n}"));
        let first = connect(count);
        let (bytes, made) = grown(count, || (0..count).map(connect).collect::<Vec<_>>());
        show(bench, &question, bytes, bar);
        drop((first, made));
    }
}

/// Clients of the server over real sockets, each of which has opened a DCP connection and says nothing more. Their own
/// sides are sockets and nothing else, so that what grows is the server's.
fn sockets(bench: &mut Bench) {
    let question = "memory of an idle DCP connection over TCP, vbuckets 1024";
    let count = bench.sized(400_usize, 50);
    if !bench.wants(question) {
        return;
    }
    let mut settings = ServerSettings::default();
    settings.listen = (Ipv4Addr::LOCALHOST, 0).into();
    settings.http_listen = None;
    let engine = Millstream::new(1024);
    let server = Server::bind(engine.0.clone(), settings).expect("it listens");
    let address = server.local_addr();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = runtime.spawn(server.run(async {
        // Stopped, or dropped.
        let _ = stopped.await;
    }));
    let connect = |n: usize| idle_client(address, &format!("idle {n}"));
    // What the first of them make is there for all.
    let first: Vec<_> = (0..64).map(|n| connect(count + n)).collect();
    let resident = resident_bytes();
    let (bytes, made) = grown(count, || (0..count).map(connect).collect::<Vec<_>>());
    let resident = resident_bytes().zip(resident).map(|(after, before)| after - before);
    show(bench, question, bytes, Some(8192.0));
    if let Some(resident) = resident {
        let question = format!("{question}: resident, as the system counts");
        show(bench, &question, resident / count as f64, Some(8192.0));
    }
    drop((first, made, stop));
    runtime.block_on(serving).expect("the server ends").expect("it ends in order");
}

/// A socket whose DCP connection is open.
fn idle_client(address: SocketAddr, name: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("it connects");
    let mut request = BytesMut::new();
    let open = Open { flags: OpenFlags::PRODUCER, name: name.as_bytes(), value: b"" };
    open.encode(Opaque(1), &mut request);
    socket.write_all(&request).expect("it takes the request");
    let mut answer = [0; HEADER_BYTES];
    socket.read_exact(&mut answer).expect("it answers");
    assert_eq!(answer[6..8], [0, 0], "the connection is open");
    socket
}

/// What of this process is in memory; `None` where the system does not say.
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kib.trim().trim_end_matches(" kB").parse::<f64>().ok()? * 1024.0)
}

fn vbuckets(bench: &mut Bench) {
    let question = "memory of a vbucket without documents";
    if !bench.wants(question) {
        return;
    }
    let with = |vbuckets| {
        // Dropped only when it was counted.
        let (bytes, engine) = grown(1, || Millstream::over(Forgetful(vbuckets), 0));
        drop(engine);
        bytes
    };
    let (few, many) = bench.sized((1024, 65_536), (16, 64));
    let bytes = (with(many) - with(few)) / f64::from(many - few);
    show(bench, question, bytes, None);
}

/// A document in the log's window, and its key, besides key and value themselves; without what the store keeps.
fn documents(bench: &mut Bench, value_bytes: usize) {
    let question = format!("memory of a logged item, beside key and value, {value_bytes} B");
    if !bench.wants(&question) {
        return;
    }
    let count = bench.sized(100_000_u64, 256);
    let engine = Millstream::over(Forgetful(1), 0);
    let mut documents = Documents::of(value_bytes);
    let (bytes, ()) = grown(count as usize, || {
        let mut writer = engine.writer();
        for n in 0..count {
            let (key, value) = documents.nth(n);
            writer.set(VbId(0), key, value);
        }
        drop(writer);
        engine.rest();
    });
    // The key is in the document and in the index.
    let beside = bytes - (16 + value_bytes) as f64;
    let bar = (value_bytes == 256).then_some(200.0);
    show(bench, &question, beside, bar);
}

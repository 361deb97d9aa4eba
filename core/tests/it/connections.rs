//! Connections that come by the thousand, are used for one stream each and vanish at random moments while writes run:
//! afterwards the server has as many descriptors and threads as before, and no more memory.
//!
//! The server is a process of its own, whose descriptors are its own too: this program once more, so that its allocator
//! counts. `MILLSTREAM_CONNECTIONS` says how many connections a wave has, all of them at once.

use crate::allocations::live_bytes;
use crate::server::running::Wanted;
use bytes::BytesMut;
use millstream::client::{ConnectSettings, KvClient, WriteOptions};
use millstream::types::{Opaque, Seqno, VbId, VbUuid};
use millstream::wire::dcp::{Control, Open, OpenFlags, StreamFlags, StreamReq};
use millstream::wire::kv::Hello;
use millstream::wire::{Feature, FeatureSet, FrameLimits, FrameReader, Opcode, Status};
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, Semaphore, watch};
use tokio::task::JoinSet;

/// Connections of a wave in a plain run; ten thousand in a lane of their own.
const CONNECTIONS: usize = 200;
/// Each of them has to leave what was there before.
const WAVES: usize = 3;
const VBUCKETS: u16 = 64;
/// Connections that are being made at once: fewer than the port's queue holds.
const CONNECTING: usize = 64;
/// What fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes that memory may differ by: how full the log is when the writer stops differs by this much. Of ten thousand
/// connections it is 400 bytes each.
const SLACK_BYTES: i64 = 4 * 1024 * 1024;
/// Set for the process that serves.
const SERVE: &str = "MILLSTREAM_TEST_SERVES";

/// What the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holds {
    descriptors: usize,
    threads: usize,
    /// By the count of its allocator.
    live_bytes: i64,
    /// By the system's: also what the allocator keeps, and what lies between what is kept.
    resident_kib: usize,
}

/// The server's process.
struct Serving {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Serving {
    fn start() -> Self {
        let this = std::env::current_exe().expect("this program");
        // As many descriptors as there may be.
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n $(ulimit -Hn); exec \"$0\" \"$@\""]).arg(this);
        command.args(["--exact", "connections::this_program_serves_when_asked", "--nocapture"]);
        let command = command.env(SERVE, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program can be started");
        let stdin = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut serving = Self { child, stdin, lines, address: String::new() };
        serving.address = serving.line("serving ");
        serving
    }

    /// The rest of the next line that begins like this.
    fn line(&mut self, begin: &str) -> String {
        let mut lines = self.lines.by_ref().map(|line| line.expect("a pipe can be read"));
        lines.find_map(|line| Some(line.strip_prefix(begin)?.to_owned())).expect("it goes on")
    }

    fn holds(&mut self) -> Holds {
        let process = self.child.id();
        self.stdin.as_mut().expect("it serves").write_all(b"?\n").expect("it listens");
        let live_bytes = self.line("live ").parse().expect("a number");
        let open = fs::read_dir(format!("/proc/{process}/fd")).expect("the process is there");
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it is there");
        let number = |name: &str| -> usize {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number.expect("a line of numbers").parse().expect("a number")
        };
        let (threads, resident_kib) = (number("Threads:"), number("VmRSS:"));
        Holds { descriptors: open.count(), threads, live_bytes, resident_kib }
    }

    /// Has it end in order, and sees that it does.
    fn stop(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().expect("a child").success(), "nothing was left behind");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Fails if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a check, but the server of one: it ends when its input does.
#[test]
fn this_program_serves_when_asked() {
    if std::env::var_os(SERVE).is_none() {
        return;
    }
    let mut wanted = Wanted { vbuckets: VBUCKETS.into(), ..Wanted::default() };
    wanted.engine.memory_bytes = 16 * 1024 * 1024;
    let server = wanted.start();
    println!("\nserving {}", server.address);
    for line in std::io::stdin().lines() {
        line.expect("a pipe can be read");
        println!("live {}", live_bytes());
    }
}

/// When a client vanishes.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Before it has said anything.
    Connected,
    /// In the middle of a message.
    HalfSaid,
    /// Before it has read anything.
    Asked,
    /// After it has read so much.
    Read(usize),
}

/// A small generator of numbers, the same on each run.
fn random(seed: u64) -> u64 {
    let z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The stream of a client of that number.
fn request(n: u64) -> StreamReq<'static> {
    StreamReq {
        vb: VbId((n % u64::from(VBUCKETS)) as u16),
        flags: StreamFlags::NONE,
        start: Seqno::ZERO,
        end: Seqno::MAX,
        uuid: VbUuid::ZERO,
        snap_start: Seqno::ZERO,
        snap_end: Seqno::ZERO,
        value: b"",
    }
}

/// What a client of that number says.
fn said(n: u64) -> BytesMut {
    let mut out = BytesMut::new();
    let features = FeatureSet::of(&[Feature::JSON, Feature::MUTATION_SEQNO]);
    Hello { agent: b"passer-by", features }.encode(Opaque(1), &mut out);
    let name = format!("passer-by {n}");
    let open = Open { flags: OpenFlags::PRODUCER, name: name.as_bytes(), value: b"" };
    open.encode(Opaque(2), &mut out);
    if n.is_multiple_of(3) {
        // Never acknowledged: the stream stops half way.
        let control = Control { key: b"connection_buffer_size", value: b"2000" };
        control.encode(Opaque(3), &mut out);
    }
    request(n).encode(Opaque(4), &mut out);
    out
}

/// One client's life; how much it has read.
async fn pass_by(n: u64, address: String, door: Arc<Semaphore>, all: Arc<Barrier>) -> usize {
    let permit = door.acquire().await.expect("it is never closed");
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(&address)).await;
    let mut socket = connected.expect("in time").expect("the server listens");
    drop(permit);
    // Every client is connected before the first goes.
    all.wait().await;
    let dice = random(n);
    let moment = match dice % 8 {
        0 => Moment::Connected,
        1 => Moment::HalfSaid,
        2 => Moment::Asked,
        _ => Moment::Read((dice >> 8) as usize % 16_384),
    };
    let said = said(n);
    let say = match moment {
        Moment::Connected => 0,
        Moment::HalfSaid => said.len() / 2,
        Moment::Asked | Moment::Read(_) => said.len(),
    };
    socket.write_all(&said[..say]).await.expect("the server takes it");
    let mut read = 0;
    if let Moment::Read(wanted) = moment {
        // A shut window ends it before that.
        let wanted = if n.is_multiple_of(3) { wanted.min(1000) } else { wanted };
        let (mut chunk, mut reader) = ([0; 4096], FrameReader::new(FrameLimits::AFTER_AUTH));
        while read < wanted {
            let took = tokio::time::timeout(PATIENCE, socket.read(&mut chunk)).await;
            let took = took.expect("the stream goes on").expect("the server does not hang up");
            assert_ne!(took, 0, "the server does not hang up");
            read += took;
            reader.feed(&chunk[..took]);
            while let Some(frame) = reader.next_frame().expect("what the server says") {
                // Who asks while writes fill memory is told to come again.
                if frame.opcode() == Opcode::DCP_STREAM_REQ && frame.status() == Status::ETMPFAIL {
                    let mut again = BytesMut::new();
                    request(n).encode(Opaque(4), &mut again);
                    socket.write_all(&again).await.expect("the server takes it");
                }
            }
        }
    }
    if dice & (1 << 40) != 0 {
        // Gone without a word: a reset, not an end.
        socket.set_zero_linger().expect("a socket");
    }
    read
}

async fn kv(address: &str) -> KvClient {
    KvClient::connect(&ConnectSettings::new(address, "default")).await.expect("the server is there")
}

/// Writes a round of documents; there are always the same ones.
async fn write(client: &mut KvClient, value: &[u8]) {
    let documents = (0..5000_u32).map(|n| (format!("document {n}"), value));
    let report = client.set_many(documents, WriteOptions::default()).await.expect("a server");
    // Some may have been told to come again.
    assert!(report.stored > 0, "{report:?}");
}

/// One wave of connections while writes run; how much all of them read, and what the server had at its height.
async fn wave(server: &mut Serving, first: u64, count: usize) -> (usize, Holds) {
    let (door, all) = (Arc::new(Semaphore::new(CONNECTING)), Arc::new(Barrier::new(count + 1)));
    let (over, is_over) = watch::channel(());
    let address = server.address.clone();
    let writer = tokio::spawn(async move {
        let mut client = kv(&address).await;
        let mut rounds = 0_u64;
        while rounds == 0 || !is_over.has_changed().unwrap_or(true) {
            write(&mut client, format!("{rounds:>512}").as_bytes()).await;
            rounds += 1;
        }
    });
    let mut clients = JoinSet::new();
    for n in first..first + count as u64 {
        clients.spawn(pass_by(n, server.address.clone(), Arc::clone(&door), Arc::clone(&all)));
    }
    let height = until(server, |holds| holds.descriptors > count).await;
    all.wait().await;
    let mut read = 0;
    while let Some(client) = clients.join_next().await {
        read += client.expect("a client gets what it should");
    }
    over.send(()).expect("the writer writes");
    writer.await.expect("writes go on");
    (read, height)
}

/// What the server has once it has what it should. Asked again and again, each time behind an answer of the server.
async fn until(server: &mut Serving, what: impl Fn(&Holds) -> bool) -> Holds {
    let deadline = Instant::now() + PATIENCE;
    let mut client = kv(&server.address).await;
    loop {
        let holds = server.holds();
        if what(&holds) {
            return holds;
        }
        assert!(Instant::now() < deadline, "it never came to that: {holds:?}");
        client.noop().await.expect("a server");
    }
}

/// What the server has once it has no more than that, but for one descriptor of who asks.
async fn settled(server: &mut Serving, base: &Holds) -> Holds {
    let is_back = |holds: &Holds| {
        holds.descriptors <= base.descriptors + 1
            && holds.live_bytes <= base.live_bytes + SLACK_BYTES
    };
    let holds = until(server, is_back).await;
    Holds { descriptors: holds.descriptors - 1, ..holds }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_vanish_leave_nothing_behind() {
    let asked = std::env::var("MILLSTREAM_CONNECTIONS").ok();
    let count = asked.map_or(CONNECTIONS, |n| n.parse().expect("a number of connections"));
    let mut server = Serving::start();
    let mut client = kv(&server.address).await;
    // Until memory holds what it may.
    for round in 0..20 {
        write(&mut client, format!("{round:>512}").as_bytes()).await;
    }
    // The least of a while, in which the last of it is committed.
    let mut least = server.holds();
    for _ in 0..500 {
        client.noop().await.expect("a server");
        least.live_bytes = least.live_bytes.min(server.holds().live_bytes);
    }
    drop(client);
    // One of them was that client's.
    let base = Holds { descriptors: least.descriptors - 1, ..least };
    println!("base: {base:?}");
    let mut total = 0;
    for n in 0..WAVES {
        let (read, height) = wave(&mut server, (n * count) as u64, count).await;
        println!("wave {n}: {height:?}, {read} bytes");
        assert!(read > count * 100, "streams ran: {read} bytes");
        total += count;
        let left = settled(&mut server, &base).await;
        println!("then {left:?}");
        assert_eq!((left.descriptors, left.threads), (base.descriptors, base.threads));
        let stats = kv(&server.address).await.stats("").await.expect("statistics");
        for (name, value) in stats {
            assert!(name != "ep_dcp_count" || value == "0", "{value} connections are left");
        }
    }
    println!("connections: {total}");
    server.stop();
}

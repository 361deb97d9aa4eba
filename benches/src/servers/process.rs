//! A server as a process of its own.

use super::postgres::Account;
use crate::measure::Spread;
use crate::million::Failure;
use crate::million::usage::{self, Usage};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A peer at work; killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) port: u16,
    /// Where it keeps what it writes.
    _folder: tempfile::TempDir,
}

impl Process {
    /// Starts a program that is told its port and folder; `None` if it is not installed.
    pub(super) fn start(
        program: &str,
        arguments: impl FnOnce(u16, &Path) -> Vec<String>,
    ) -> Result<Option<Self>, Failure> {
        Self::start_with(program, None, arguments)
    }

    /// The same, as somebody else if there is an account.
    pub(super) fn start_with(
        program: impl AsRef<Path>,
        account: Option<&Account>,
        arguments: impl FnOnce(u16, &Path) -> Vec<String>,
    ) -> Result<Option<Self>, Failure> {
        let program = program.as_ref();
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let mut command = Command::new(program);
        if let Some(account) = account {
            account.own(folder.path())?;
            account.apply(&mut command);
        }
        command.args(arguments(port, folder.path())).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", program.display()).into()),
        };
        let process = Self { child, port, _folder: folder };
        let begun = Instant::now();
        while process.connect().is_err() {
            if begun.elapsed() > READY_MAX {
                let program = program.display();
                return Err(format!("{program} did not listen within {READY_MAX:?}").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(process))
    }

    pub(super) fn connect(&self) -> Result<TcpStream, Failure> {
        connect(self.port)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection on which a silent server is a failure and not a wait for ever.
pub(super) fn connect(port: u16) -> Result<TcpStream, Failure> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(SILENCE_MAX))?;
    Ok(socket)
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// What a pass took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    /// Processor time of the server for each operation, in nanoseconds.
    pub(super) server_ns: f64,
    /// Operations in a second, by the clock.
    pub(super) per_second: f64,
    /// The time from a write to its consumer, in nanoseconds, where that is what is measured.
    pub(super) latency: Option<Latency>,
}

/// How long it takes until a consumer has a write: what half, 99 of 100 and 999 of 1000 do not exceed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    pub(super) p50_ns: f64,
    pub(super) p99_ns: f64,
    pub(super) p999_ns: f64,
}

/// A pass that is being measured.
#[derive(Debug)]
pub(super) struct Watch {
    pid: u32,
    before: Usage,
    begun: Instant,
}

impl Watch {
    pub(super) fn begin(pid: u32) -> Self {
        Self { pid, before: usage::of(pid), begun: Instant::now() }
    }

    /// Ends it: so many operations.
    pub(super) fn end(self, operations: u64) -> Took {
        let time = self.begun.elapsed();
        let cpu = usage::of(self.pid).cpu_since(&self.before).unwrap_or_default();
        let operations = operations.max(1) as f64;
        Took {
            server_ns: cpu.as_nanos() as f64 / operations,
            per_second: operations / time.as_secs_f64(),
            latency: None,
        }
    }
}

impl Took {
    /// With these latencies, in nanoseconds.
    pub(super) fn with_latencies(mut self, latencies: Vec<u64>) -> Self {
        let all = Spread::of(latencies.into_iter().map(|ns| ns as f64));
        self.latency = (!all.is_empty()).then(|| Latency {
            p50_ns: all.median(),
            p99_ns: all.quantile(0.99),
            p999_ns: all.quantile(0.999),
        });
        self
    }
}

const READY_MAX: Duration = Duration::from_secs(20);
const SILENCE_MAX: Duration = Duration::from_secs(60);

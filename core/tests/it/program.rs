//! The `millstream` program as a child process.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// What fails rather than hangs: far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program with these arguments, without a password and without standard input.
pub(crate) fn program<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.args(arguments).env_remove("MILLSTREAM_PASSWORD").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The lines on standard output, as JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The same, having checked that it ended well.
    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// The same, having checked how it failed, and that the one line that it said has these parts.
    #[track_caller]
    pub(crate) fn badly(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in: {}", self.stderr);
        }
        for never in ["panicked", "backtrace", "unwrap"] {
            assert!(!self.stderr.contains(never), "{}", self.stderr);
        }
        self
    }
}

/// Runs the program to its end.
#[track_caller]
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    ended(program(arguments).spawn().expect("the program can be started"))
}

/// Runs the program with something on standard input.
pub(crate) fn run_with(input: &str, arguments: &[&str]) -> Ended {
    let mut child =
        program(arguments).stdin(Stdio::piped()).spawn().expect("the program can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    // A program that ends early does not read it all.
    let writer = thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let ended = ended(child);
    writer.join().expect("it does not panic");
    ended
}

/// Waits for the end of a program; one that does not end is killed, and fails the test.
#[track_caller]
pub(crate) fn ended(mut child: Child) -> Ended {
    let stdout = child.stdout.take().map(read_all);
    let stderr = child.stderr.take().map(read_all);
    let code = wait(&mut child);
    let text = |pipe: Option<mpsc::Receiver<String>>| {
        pipe.map_or_else(String::new, |pipe| received(&pipe))
    };
    Ended { code, stdout: text(stdout), stderr: text(stderr) }
}

fn received(pipe: &mpsc::Receiver<String>) -> String {
    pipe.recv_timeout(PATIENCE).expect("a pipe closes with its program")
}

fn read_all(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// The exit code; `None` if a signal ended it.
#[track_caller]
fn wait(child: &mut Child) -> Option<i32> {
    let (ended, watched) = mpsc::channel::<()>();
    let id = child.id();
    let watch = thread::spawn(move || {
        let late = watched.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
        if late {
            signal(id, "KILL");
        }
        late
    });
    let status = child.wait().expect("a child can be waited for");
    drop(ended);
    assert!(!watch.join().expect("it does not panic"), "the program did not end");
    status.code()
}

/// Sends a signal to a process.
#[cfg(unix)]
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(sent.expect("there is a program `kill`").success(), "process {process} is there");
}

/// Ends a process: elsewhere there is one signal only.
#[cfg(not(unix))]
pub(crate) fn signal(process: u32, _name: &str) {
    let sent = Command::new("taskkill").args(["/F", "/PID", &process.to_string()]).status();
    assert!(sent.expect("there is a program `taskkill`").success(), "process {process} is there");
}

/// A server that is ready. Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: mpsc::Receiver<String>,
    /// What it said when it was ready.
    pub(crate) ready: Value,
    /// Host and port.
    pub(crate) address: String,
}

impl Serving {
    /// `millstream serve` on a free port, with these options.
    #[track_caller]
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::spawn(&mut program(["serve", "--listen", "127.0.0.1:0"].iter().chain(options)))
    }

    /// A command that serves.
    #[track_caller]
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the program can be started");
        let stderr = read_all(child.stderr.take().expect("it is piped"));
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a pipe can be read");
        if line.is_empty() {
            let code = wait(&mut child);
            panic!("it was never ready, but ended with {code:?}: {}", received(&stderr));
        }
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let address = ready["listen"].as_str().expect("it listens somewhere").to_owned();
        Self { child, stdout, stderr, ready, address }
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a crash would, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("a child can be waited for");
    }

    /// Asks it to end in order; how it did, and what it said after it was ready.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn stop(self) -> Ended {
        signal(self.id(), "TERM");
        self.ended()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Ended {
        let code = wait(&mut self.child);
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).expect("a pipe can be read");
        Ended { code, stdout, stderr: received(&self.stderr) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Fails if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! The server under measurement: a process of its own.

use super::usage::{self, Usage};
use super::{Arguments, Failure};
use millstream::client::ConnectSettings;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server at work; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: String,
}

/// How a server is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    /// The folder of its store; `None` for a store in memory.
    pub(crate) data: Option<&'a Path>,
    pub(crate) memory_bytes: u64,
    pub(crate) persisted_answers: bool,
}

impl Server {
    /// Starts one and waits until it is ready.
    pub(crate) fn start(arguments: &Arguments, start: Start<'_>) -> Result<Self, Failure> {
        let program = match &arguments.server {
            Some(program) => program.clone(),
            None => std::env::current_exe()?,
        };
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"]);
        command.args(["--vbuckets", &arguments.vbuckets.to_string()]);
        command.args(["--memory", &start.memory_bytes.to_string()]);
        command.args(["--ack", if start.persisted_answers { "persisted" } else { "memory" }]);
        match start.data {
            Some(folder) => command.arg("--data").arg(folder),
            None => command.arg("--ephemeral"),
        };
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no output")?;
        let mut server = Self { child, address: String::new() };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let ready: serde_json::Value = serde_json::from_str(&line)
            .map_err(|e| format!("the server did not get ready: {e}"))?;
        server.address = ready["listen"].as_str().ok_or("the server tells no address")?.into();
        Ok(server)
    }

    /// How to connect to it. Patient, since a busy machine is no failure.
    pub(crate) fn connect(&self) -> ConnectSettings {
        ConnectSettings::new(&self.address, "default").timeout(Duration::from_secs(120))
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn usage(&self) -> Usage {
        usage::of(self.pid())
    }

    /// Ends it in order, so that everything is in the store.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        if cfg!(unix) {
            Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        } else {
            // There is no polite way; the checks of the next pass tell if something was lost.
            self.child.kill()?;
        }
        let status = self.child.wait()?;
        if status.success() || !cfg!(unix) {
            Ok(())
        } else {
            Err(format!("the server failed: {status}").into())
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

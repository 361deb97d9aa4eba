//! The wish to end: Ctrl-C, and what the system sends when it wants the process gone.

use super::exit::{Exit, Failure, io_failure};
use std::io;

/// The wishes to end, as they come.
#[derive(Debug)]
pub(super) struct Signals(Sources);

impl Signals {
    /// Listens from now on; until then a signal ends the process at once.
    pub(super) fn listen() -> Result<Self, Failure> {
        Sources::new().map(Self).map_err(|e| io_failure("cannot listen to signals", &e))
    }

    /// The next one. Cancel safe.
    pub(super) async fn next(&mut self) {
        self.0.next().await;
    }

    /// Ends the process at the next one, whatever it is doing.
    pub(super) fn force_at_next(mut self) {
        tokio::spawn(async move {
            self.next().await;
            eprintln!("millstream: told to end twice; ending without closing the store in order");
            std::process::exit(Exit::Failed as i32);
        });
    }
}

#[cfg(unix)]
#[derive(Debug)]
struct Sources {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Sources {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
#[derive(Debug)]
struct Sources {
    ctrl_c: tokio::signal::windows::CtrlC,
    ctrl_break: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Sources {
    fn new() -> io::Result<Self> {
        use tokio::signal::windows;
        Ok(Self {
            ctrl_c: windows::ctrl_c()?,
            ctrl_break: windows::ctrl_break()?,
            close: windows::ctrl_close()?,
            shutdown: windows::ctrl_shutdown()?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.ctrl_break.recv() => {}
            _ = self.close.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}

#[cfg(not(any(unix, windows)))]
#[derive(Debug)]
struct Sources;

#[cfg(not(any(unix, windows)))]
impl Sources {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            core::future::pending().await
        }
    }
}

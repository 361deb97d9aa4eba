//! From an empty folder to a summary.

use super::contents::Contents;
use super::sample;
use super::streamed::stream_back;
use super::summary::Summary;
use crate::cli::args::PORT;
use crate::cli::exit::Failure;
use crate::cli::host::{Host, HostSettings};
use crate::cli::logging::{self, LogLevel};
use crate::cli::ready::print_text;
use crate::cli::serve::until_told;
use crate::cli::signals::Signals;
use crate::client::ConnectSettings;
use crate::engine::{Engine, EngineSettings};
use crate::limits::VBUCKETS_DEFAULT;
use crate::server::ServerSettings;
use clap::Args;
use core::time::Duration;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The options of the program without a command.
#[derive(Clone, Debug, Args)]
pub(crate) struct QuickStartArguments {
    /// End after the summary instead of serving on
    #[arg(long)]
    once: bool,
}

/// Opens, loads, serves, streams, compares, tells, and serves on.
pub(crate) async fn run(arguments: QuickStartArguments, started: Instant) -> Result<(), Failure> {
    logging::start(LogLevel::Warn);
    let mut signals = Signals::listen()?;
    let host = Host::open(settings())?;
    let wanted = settings().server.listen;
    if host.address().port() != wanted.port() {
        eprintln!("millstream: {wanted} is taken, so this is served on {}", host.address());
    }
    let scene = Scene {
        engine: host.engine().clone(),
        address: host.address(),
        before: host.engine().stats().items,
        started,
        opened: started.elapsed(),
    };
    let mut running = host.start();
    let shown = tokio::select! {
        shown = scene.show(arguments.once) => shown,
        failure = running.broken() => Err(failure),
        () = signals.next() => Err(Failure::failed("interrupted before everything was streamed back")),
    };
    let served = match shown {
        Ok(()) if !arguments.once => until_told(&mut running, &mut signals).await,
        shown => shown,
    };
    signals.force_at_next();
    served.and(running.stop().await)
}

/// A server that runs, and what it began with.
struct Scene {
    engine: Engine,
    address: SocketAddr,
    /// How many documents there were.
    before: u64,
    started: Instant,
    opened: Duration,
}

impl Scene {
    /// Loads, streams, compares and tells.
    async fn show(self, once: bool) -> Result<(), Failure> {
        let connect = ConnectSettings::new(self.address.to_string(), settings().server.bucket);
        let is_new = self.before == 0;
        let sample = if is_new { sample::documents()? } else { Vec::new() };
        let (mut loaded, mut contents) = (None, Contents::stored());
        if is_new {
            let time = sample::load(&connect, &sample).await?;
            let bytes = sample.iter().map(|d| (d.key.len() + d.value.len()) as u64).sum();
            loaded = Some((sample.len() as u64, bytes, time));
            contents = Contents::sample(&sample);
        }
        let streamed = stream_back(&connect, &mut contents).await?;
        // Documents may expire meanwhile.
        let after = self.engine.stats().items;
        contents.end(self.before.min(after)..=self.before.max(after))?;
        let summary = Summary {
            folder: Path::new(".").join(FOLDER).display().to_string(),
            address: self.address,
            opened: self.opened,
            loaded,
            streamed,
            total: self.started.elapsed(),
            program: program(),
            serves: !once,
        };
        print_text(&summary.to_string())
    }
}

fn settings() -> HostSettings {
    let mut server = ServerSettings::default();
    server.listen.set_port(PORT);
    HostSettings {
        data: Some(PathBuf::from(FOLDER)),
        vbuckets: VBUCKETS_DEFAULT,
        memory_bytes: EngineSettings::default().memory_bytes,
        idle_timeout: EngineSettings::default().idle_timeout,
        purge_after: EngineSettings::default().purge_after,
        server,
        any_port: true,
    }
}

/// How this program was called, to be copied.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    match called.as_str() {
        "" => "millstream".into(),
        called if called.contains(char::is_whitespace) => format!("'{called}'"),
        called => called.into(),
    }
}

const FOLDER: &str = "millstream-data";

//! Logs, on standard error.

use clap::ValueEnum;
use std::io::{self, IsTerminal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    /// Nothing
    Off,
    /// What failed
    Error,
    /// What may need attention
    Warn,
    /// Starts and stops
    Info,
    /// Connections too
    Debug,
    /// Everything, what the database says included
    Trace,
}

/// Logs from now on. Once per process; later calls change nothing.
pub(super) fn start(level: LogLevel) {
    let (ours, others) = match level {
        LogLevel::Off => (LevelFilter::OFF, LevelFilter::OFF),
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        LogLevel::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::WARN),
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::WARN),
        LogLevel::Trace => (LevelFilter::TRACE, LevelFilter::TRACE),
    };
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(io::stderr);
    let filter = Targets::new().with_default(others).with_target("millstream", ours);
    let logs = tracing_subscriber::registry().with(filter).with(lines);
    // Refused only if something else in this process logs already, which then has the user's settings.
    let _ = logs.try_init();
}

//! Logs, on standard error.

use clap::ValueEnum;
use std::io::{self, IsTerminal};
use tracing_subscriber::filter::LevelFilter;

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    /// Nothing
    Off,
    /// What failed
    Error,
    /// What may need attention
    Warn,
    /// Starts, stops and connections
    Info,
    /// More
    Debug,
    /// Everything
    Trace,
}

/// Logs from now on. Once per process; later calls change nothing.
pub(super) fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let logs = tracing_subscriber::fmt().with_max_level(level).with_ansi(colours);
    // Refused only if something else in this process logs already, which then has the user's settings.
    let _ = logs.with_writer(io::stderr).try_init();
}

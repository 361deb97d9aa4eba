//! What was measured, as a table and as JSON.

use super::server::Server;
use super::usage::{self, Usage};
use super::{Arguments, Failure};
use serde_json::{Value, json};
use std::io::Write;
use std::time::{Duration, Instant};

/// One measured run.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) documents: u64,
    pub(super) bytes: u64,
    pub(super) time: Duration,
    server_cpu: Option<Duration>,
    client_cpu: Option<Duration>,
    server_threads: Vec<(String, Duration)>,
    server_waited: Duration,
    peak_bytes: Option<u64>,
    /// More figures, by name.
    pub(super) more: Vec<(&'static str, f64)>,
}

/// A run that is being measured.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    server: &'a Server,
    server_before: Usage,
    client_before: Usage,
    begun: Instant,
}

impl<'a> Watch<'a> {
    /// Begins to measure.
    pub(super) fn begin(server: &'a Server) -> Self {
        usage::forget_peak(server.pid());
        Self {
            server,
            server_before: server.usage(),
            client_before: usage::of(std::process::id()),
            begun: Instant::now(),
        }
    }

    /// Ends it: so many documents and bytes.
    pub(super) fn end(self, name: impl Into<String>, (documents, bytes): (u64, u64)) -> Row {
        let time = self.begun.elapsed();
        let (server, client) = (self.server.usage(), usage::of(std::process::id()));
        Row {
            name: name.into(),
            documents,
            bytes,
            time,
            server_cpu: server.cpu_since(&self.server_before),
            client_cpu: client.cpu_since(&self.client_before),
            server_threads: server.by_thread(&self.server_before),
            server_waited: server.waited_since(&self.server_before),
            peak_bytes: usage::peak_bytes(self.server.pid()),
            more: Vec::new(),
        }
    }
}

impl Row {
    pub(super) fn with(mut self, name: &'static str, figure: f64) -> Self {
        self.more.push((name, figure));
        self
    }

    fn per_document(&self, time: Option<Duration>) -> Option<f64> {
        time.map(|time| time.as_secs_f64() * 1e6 / self.documents.max(1) as f64)
    }

    fn per_second(&self) -> f64 {
        self.documents as f64 / self.time.as_secs_f64()
    }

    fn line(&self) -> String {
        let micros = |time| self.per_document(time).map_or("-".into(), |us| format!("{us:.2}"));
        let peak = self.peak_bytes.map_or("-".into(), |bytes| format!("{}", bytes >> 20));
        let more: Vec<_> =
            self.more.iter().map(|(name, figure)| format!("{name} {figure:.1}")).collect();
        format!(
            "{:<28} {:>9} {:>8.2} {:>9.0} {:>7.1} {:>10} {:>10} {:>8}  {}",
            self.name,
            self.documents,
            self.time.as_secs_f64(),
            self.per_second(),
            self.bytes as f64 / 1e6 / self.time.as_secs_f64(),
            micros(self.server_cpu),
            micros(self.client_cpu),
            peak,
            more.join(", "),
        )
    }

    fn json(&self) -> Value {
        let threads: serde_json::Map<String, Value> = self
            .server_threads
            .iter()
            .map(|(name, cpu)| (name.clone(), rounded(self.per_document(Some(*cpu)))))
            .collect();
        let mut row = json!({
            "name": self.name,
            "documents": self.documents,
            "seconds": rounded(Some(self.time.as_secs_f64())),
            "documents_per_second": self.per_second().round(),
            "server_us": rounded(self.per_document(self.server_cpu)),
            "client_us": rounded(self.per_document(self.client_cpu)),
            "server_us_by_thread": threads,
            "server_waited_ms": self.server_waited.as_millis() as u64,
            "peak_mib": self.peak_bytes.map(|bytes| bytes >> 20),
        });
        for (name, figure) in &self.more {
            row[*name] = rounded(Some(*figure));
        }
        row
    }
}

/// Prints everything.
pub(super) fn print(arguments: &Arguments, rows: &[Row]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if !arguments.json {
        let (documents, value, vbuckets) =
            (arguments.documents, arguments.value, arguments.vbuckets);
        writeln!(
            out,
            "{documents} documents of {value} bytes, {vbuckets} vbuckets; one connection, loopback TCP"
        )?;
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        writeln!(
            out,
            "{processors} processors; times in microseconds are processor time for each document"
        )?;
        writeln!(
            out,
            "{:<28} {:>9} {:>8} {:>9} {:>7} {:>10} {:>10} {:>8}",
            "", "documents", "seconds", "docs/s", "MB/s", "server us", "client us", "peak MiB"
        )?;
        for row in rows {
            writeln!(out, "{}", row.line())?;
        }
        writeln!(out, "\nserver us by thread:")?;
        for row in rows {
            let threads: Vec<_> = row
                .server_threads
                .iter()
                .map(|(name, cpu)| {
                    format!("{name} {:.2}", row.per_document(Some(*cpu)).unwrap_or_default())
                })
                .collect();
            writeln!(out, "{:<28} {}", row.name, threads.join(", "))?;
        }
    }
    let rows: Vec<_> = rows.iter().map(Row::json).collect();
    let report = json!({
        "bench": "million",
        "documents": arguments.documents,
        "value_bytes": arguments.value,
        "vbuckets": arguments.vbuckets,
        "store": if arguments.memory_store { "memory" } else { "embedded" },
        "rows": rows,
    });
    writeln!(out, "{report}")?;
    Ok(())
}

fn rounded(figure: Option<f64>) -> Value {
    figure.map_or(Value::Null, |figure| json!((figure * 1000.0).round() / 1000.0))
}

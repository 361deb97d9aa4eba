//! `millstream serve`: a server over a store.

use super::amounts::{duration, size, some_time};
use super::args::{PORT, bucket, user};
use super::exit::{Failure, io_failure};
use super::host::{Host, HostSettings, Running};
use super::logging::{self, LogLevel};
use super::password::password;
use super::ready::Ready;
use super::signals::Signals;
use crate::limits::{VBUCKETS_DEFAULT, VBUCKETS_MAX};
use crate::server::{AckMode, Secret, ServerSettings, TlsIdentity, User};
use clap::{ArgGroup, Args, ValueEnum};
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::{self, Path, PathBuf};
use std::time::{Duration, Instant};

/// What to serve, where, and for whom.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("store").required(true).args(["data", "ephemeral"])))]
#[command(group(ArgGroup::new("encrypted").multiple(true).args(["tls_listen", "https_listen"])))]
pub(super) struct ServeArguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)), value_parser = listen)]
    listen: SocketAddr,
    /// Where to serve the management endpoints over HTTP, which some clients insist on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", value_parser = listen)]
    http_listen: Option<SocketAddr>,
    /// Where to listen for encrypted connections (TLS); port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", value_parser = listen)]
    tls_listen: Option<SocketAddr>,
    /// Where to serve the management endpoints encrypted (HTTPS); port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", value_parser = listen)]
    https_listen: Option<SocketAddr>,
    /// A PEM file with the certificate to show on encrypted connections, and those of its issuers; without it one is
    /// made for localhost, which nobody trusts unless told to
    #[arg(long, value_name = "FILE", requires = "tls_key", requires = "encrypted")]
    tls_cert: Option<PathBuf>,
    /// A PEM file with its private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Write the certificate that was made to this file, for clients to be given with --tls-ca
    #[arg(long, value_name = "FILE", conflicts_with = "tls_cert", requires = "encrypted")]
    tls_cert_out: Option<PathBuf>,
    /// The folder of the store; it is made if there is none
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Keep everything in memory, and forget it at the end
    #[arg(long)]
    ephemeral: bool,
    /// The name of the bucket
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = bucket)]
    bucket: String,
    /// How many vbuckets there are; a folder keeps the number that it was made with
    #[arg(long, value_name = "N", default_value_t = VBUCKETS_DEFAULT, value_parser = vbuckets())]
    vbuckets: u32,
    /// Who may log in, with the password from --password-file or MILLSTREAM_PASSWORD; without it anybody may do
    /// everything
    #[arg(long, value_name = "NAME", value_parser = user)]
    user: Option<String>,
    /// A file whose one line is the password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Bytes of documents in memory: 64m, 1GiB
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = memory)]
    memory: u64,
    /// When a write is answered
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Ack::Memory)]
    ack: Ack,
    /// How long a DCP client that has no-ops on may say nothing
    #[arg(long, value_name = "TIME", default_value = "360s", value_parser = some_time)]
    idle_timeout: Duration,
    /// How old tombstones get before they are forgotten: 7d, 12h, never
    #[arg(long, value_name = "TIME", default_value = "3d", value_parser = purge_after)]
    purge_after: PurgeAfter,
    /// Close DCP connections that acknowledge nothing while their window is full, if their whole name matches
    #[arg(long, value_name = "REGEX")]
    stuck_names: Option<String>,
    /// How long they may
    #[arg(long, value_name = "TIME", default_value = "720s", value_parser = some_time, requires = "stuck_names")]
    stuck_timeout: Duration,
    /// How much to log, on standard error
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = LogLevel::Info)]
    log_level: LogLevel,
}

/// When a write is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ack {
    /// When it is in memory: a crash can lose it
    Memory,
    /// When it is synced to disk: a crash loses nothing that was answered
    Persisted,
}

/// Serves until it is told to end.
pub(super) async fn run(arguments: ServeArguments, started: Instant) -> Result<(), Failure> {
    if arguments.ephemeral && arguments.ack == Ack::Persisted {
        let what =
            "--ack persisted needs --data FOLDER: with --ephemeral nothing is ever persisted";
        return Err(Failure::usage(what));
    }
    logging::start(arguments.log_level);
    let mut signals = Signals::listen()?;
    let settings = settings(&arguments)?;
    let data = settings.data.as_ref().map(|folder| folder.display().to_string());
    warn_if_open(&settings.server);
    let host = Host::open(settings)?;
    if let Some(file) = &arguments.tls_cert_out {
        write_certificate(file, host.generated_certificate().unwrap_or_default())?;
    }
    let mut running = host.start();
    let ready = Ready {
        ready: true,
        listen: running.addresses().listen,
        http: running.addresses().http,
        tls: running.addresses().tls,
        https: running.addresses().https,
        bucket: &arguments.bucket,
        vbuckets: arguments.vbuckets,
        data,
        pid: std::process::id(),
        startup_ms: started.elapsed().as_millis() as u64,
    };
    let served = match ready.print() {
        Ok(()) => until_told(&mut running, &mut signals).await,
        Err(failure) => Err(failure),
    };
    signals.force_at_next();
    served.and(running.stop().await)
}

/// Waits for the first signal.
pub(super) async fn until_told(
    running: &mut Running,
    signals: &mut Signals,
) -> Result<(), Failure> {
    tokio::select! {
        () = signals.next() => Ok(()),
        failure = running.broken() => Err(failure),
    }
}

fn settings(arguments: &ServeArguments) -> Result<HostSettings, Failure> {
    let ack = match arguments.ack {
        Ack::Memory => AckMode::Memory,
        Ack::Persisted => AckMode::Persisted,
    };
    let (listen, bucket) = (arguments.listen, arguments.bucket.clone());
    let mut server = ServerSettings {
        listen,
        http_listen: arguments.http_listen,
        tls_listen: arguments.tls_listen,
        https_listen: arguments.https_listen,
        bucket,
        ack,
        stuck_names: arguments.stuck_names.clone(),
        stuck_timeout: arguments.stuck_timeout,
        ..ServerSettings::default()
    };
    if let (Some(certificates), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) {
        let (certificates, key) = (certificates.clone(), key.clone());
        server.tls_identity = TlsIdentity::Files { certificates, key };
    }
    if let Some(name) = &arguments.user {
        let password = password(name, arguments.password_file.as_deref())?;
        server.users.push(User::new(name, Secret::new(password)));
    }
    // Absolute, since whoever reads the ready line may be elsewhere.
    let absolute = |folder: &PathBuf| path::absolute(folder).unwrap_or_else(|_| folder.clone());
    let data = arguments.data.as_ref().map(absolute);
    Ok(HostSettings {
        data,
        vbuckets: arguments.vbuckets,
        memory_bytes: arguments.memory,
        idle_timeout: arguments.idle_timeout,
        purge_after: arguments.purge_after.0,
        server,
        any_port: false,
    })
}

fn warn_if_open(settings: &ServerSettings) {
    let addresses =
        [Some(settings.listen), settings.http_listen, settings.tls_listen, settings.https_listen];
    let mut reachable =
        addresses.into_iter().flatten().filter(|address| !address.ip().is_loopback());
    if settings.users.is_empty()
        && let Some(address) = reachable.next()
    {
        tracing::warn!(%address, "no --user was given: whoever reaches this address may read and write everything");
    }
}

fn write_certificate(file: &Path, pem: &str) -> Result<(), Failure> {
    std::fs::write(file, pem)
        .map_err(|error| io_failure(format_args!("cannot write {}", file.display()), &error))
}

/// An address, or a name that stands for one.
fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let mut found = text.to_socket_addrs().map_err(|e| format!("{e}; write host:port"))?;
    found.next().ok_or_else(|| "the name stands for no address".into())
}

/// How old tombstones get; `None`: any age.
#[derive(Clone, Copy, Debug)]
struct PurgeAfter(Option<Duration>);

fn purge_after(text: &str) -> Result<PurgeAfter, String> {
    match text {
        "never" => Ok(PurgeAfter(None)),
        text => duration(text).map(|age| PurgeAfter(Some(age))),
    }
}

fn memory(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes if bytes < MEMORY_BYTES_MIN => {
            Err(format!("at least {} MiB are needed", MEMORY_BYTES_MIN >> 20))
        }
        bytes => Ok(bytes),
    }
}

fn vbuckets() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(VBUCKETS_MAX))
}

/// Below this every write would wait for the disk.
const MEMORY_BYTES_MIN: u64 = 1 << 20;

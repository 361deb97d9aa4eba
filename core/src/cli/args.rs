//! What the program is called with, and what all clients among its commands share.

use super::amounts::some_time;
use super::exit::{EXIT_CODES, Failure};
use super::load::LoadArguments;
use super::manage::{CollectionArguments, ScopeArguments, VbucketArguments};
use super::password::password;
use super::quickstart::QuickStartArguments;
use super::serve::ServeArguments;
use super::stats::StatsArguments;
use super::tail::TailArguments;
use crate::client::{ConnectSettings, TlsTrust};
use crate::limits::CONNECTION_NAME_BYTES_MAX;
use clap::{Args, Parser, Subcommand};
use core::time::Duration;
use std::path::PathBuf;

/// Change streams over a document store: a server, and the tools to fill it and to watch it.
///
/// Without a command it shows itself: it opens the store in ./millstream-data, fills it with sample data if it is
/// empty, serves it, streams everything back to itself, checks that nothing is missing, and serves on until Ctrl-C.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) quick_start: QuickStartArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve a store.
    #[command(after_help = EXIT_CODES)]
    Serve(ServeArguments),
    /// Write the lines of a file as documents.
    #[command(after_help = EXIT_CODES)]
    Load(LoadArguments),
    /// Print every change, one JSON object a line.
    #[command(after_help = EXIT_CODES)]
    Tail(TailArguments),
    /// Print what a server says of itself.
    #[command(after_help = EXIT_CODES)]
    Stats(StatsArguments),
    /// Make and drop scopes.
    #[command(after_help = EXIT_CODES)]
    Scope(ScopeArguments),
    /// Make, drop and list collections.
    #[command(after_help = EXIT_CODES)]
    Collection(CollectionArguments),
    /// Show and change vbuckets of a running server.
    #[command(after_help = EXIT_CODES)]
    Vbucket(VbucketArguments),
}

/// How clients find and enter a server.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ClientArguments {
    /// The server; the port is 11210 if it is left out, and 11207 with --tls
    #[arg(long, value_name = "HOST[:PORT]", default_value = "127.0.0.1", value_parser = server)]
    pub(super) server: ServerName,
    /// Encrypt the connection (TLS)
    #[arg(long)]
    tls: bool,
    /// A PEM file with the certificates to believe; without it those that the system trusts
    #[arg(long, value_name = "FILE", requires = "tls")]
    tls_ca: Option<PathBuf>,
    /// Encrypt, and believe whoever answers: insecure, for development
    #[arg(long, requires = "tls", conflicts_with = "tls_ca")]
    tls_insecure_trust_everybody: bool,
    /// The bucket
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = bucket)]
    pub(super) bucket: String,
    /// The user to log in as, with the password from --password-file or MILLSTREAM_PASSWORD
    #[arg(long, value_name = "NAME", value_parser = user)]
    pub(super) user: Option<String>,
    /// A file whose one line is the password
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(super) password_file: Option<PathBuf>,
    /// How long the server may take to answer
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = some_time)]
    pub(super) timeout: Duration,
}

/// A server as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerName {
    host: String,
    port: Option<u16>,
}

impl ClientArguments {
    /// The server's host and port.
    pub(super) fn address(&self) -> String {
        let ServerName { host, port } = &self.server;
        let usual = if self.tls { TLS_PORT } else { PORT };
        format!("{host}:{}", port.unwrap_or(usual))
    }

    /// Whom to believe, if the connection is to be encrypted.
    pub(super) fn trust(&self) -> Option<TlsTrust> {
        match (&self.tls_ca, self.tls_insecure_trust_everybody) {
            _ if !self.tls => None,
            (_, true) => Some(TlsTrust::Everybody),
            (Some(file), _) => Some(TlsTrust::Authorities(file.clone())),
            (None, _) => Some(TlsTrust::System),
        }
    }

    /// How to connect.
    pub(super) fn settings(&self) -> Result<ConnectSettings, Failure> {
        let mut settings = ConnectSettings::new(self.address(), &self.bucket).timeout(self.timeout);
        settings.tls = self.trust();
        match &self.user {
            Some(user) => {
                let password = password(user, self.password_file.as_deref())?;
                Ok(settings.credentials(user, password))
            }
            None => Ok(settings),
        }
    }
}

/// The port of the protocol.
pub(super) const PORT: u16 = 11_210;
/// The same, encrypted.
const TLS_PORT: u16 = 11_207;

/// `host`, `host:port`, `[::1]` or `[::1]:port`.
fn server(text: &str) -> Result<ServerName, String> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((host, port)) if !port.ends_with(']') => {
            let port = port.parse().ok().filter(|port| *port != 0);
            (host, Some(port.ok_or("a port is a number from 1 to 65535")?))
        }
        _ => (text, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if host.is_empty() || bare.is_none() && host.contains([':', '[', ']']) {
        return Err("write host:port; an IPv6 address goes in brackets, as in [::1]:11210".into());
    }
    Ok(ServerName { host: host.into(), port })
}

/// The name of a bucket, by the rules of the protocol's other servers.
pub(super) fn bucket(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-.%".contains(c);
    if text.is_empty() || text.len() > BUCKET_NAME_BYTES_MAX || !text.chars().all(legal) {
        return Err(format!(
            "a bucket's name has 1 to {BUCKET_NAME_BYTES_MAX} letters, digits and characters of _-.%"
        ));
    }
    Ok(text.into())
}

/// The name of a user.
pub(super) fn user(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > USER_NAME_BYTES_MAX || text.contains('\0') {
        return Err(format!("a user's name has 1 to {USER_NAME_BYTES_MAX} bytes, and no NUL"));
    }
    Ok(text.into())
}

/// The name of a DCP connection.
pub(super) fn connection_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > CONNECTION_NAME_BYTES_MAX {
        return Err(format!("a connection's name has 1 to {CONNECTION_NAME_BYTES_MAX} bytes"));
    }
    Ok(text.into())
}

const BUCKET_NAME_BYTES_MAX: usize = 100;
const USER_NAME_BYTES_MAX: usize = 128;

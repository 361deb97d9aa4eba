//! What the commands are called with.

use crate::cli::amounts::duration;
use crate::cli::args::ClientArguments;
use clap::{Args, Subcommand};
use core::time::Duration;

/// Where the management endpoints are.
#[derive(Clone, Debug, Args)]
pub(super) struct ManageArguments {
    /// The management endpoints; without it the server is asked for them
    #[arg(long, global = true, value_name = "HOST:PORT", value_parser = address)]
    pub(super) http: Option<String>,
    #[command(flatten)]
    pub(super) client: ClientArguments,
}

/// Makes and drops scopes.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct ScopeArguments {
    #[command(subcommand)]
    pub(super) command: ScopeCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum ScopeCommand {
    /// Make a scope
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        manage: ManageArguments,
    },
    /// Drop a scope, its collections and their documents
    Drop {
        /// Its name
        name: String,
        #[command(flatten)]
        manage: ManageArguments,
    },
}

/// Makes, drops and lists collections.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct CollectionArguments {
    #[command(subcommand)]
    pub(super) command: CollectionCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum CollectionCommand {
    /// Make a collection in a scope that is there
    Create {
        /// Where, and its name
        #[arg(value_name = "SCOPE.COLLECTION", value_parser = path)]
        path: Path,
        /// How long its documents live at most: 90s, 7d; without it as long as they say
        #[arg(long, value_name = "TIME", value_parser = ttl)]
        max_ttl: Option<Duration>,
        #[command(flatten)]
        manage: ManageArguments,
    },
    /// Drop a collection and its documents
    Drop {
        /// Where it is, and its name
        #[arg(value_name = "SCOPE.COLLECTION", value_parser = path)]
        path: Path,
        #[command(flatten)]
        manage: ManageArguments,
    },
    /// Print every collection, one JSON object a line
    List {
        #[command(flatten)]
        manage: ManageArguments,
    },
}

/// A scope and a collection in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) scope: String,
    pub(super) collection: String,
}

fn path(text: &str) -> Result<Path, String> {
    match text.split_once('.') {
        Some((scope, collection))
            if !scope.is_empty() && !collection.is_empty() && !collection.contains('.') =>
        {
            Ok(Path { scope: scope.into(), collection: collection.into() })
        }
        _ => Err("write SCOPE.COLLECTION, as in shop.items".into()),
    }
}

fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = duration(text)?;
    if ttl.subsec_nanos() != 0 || !(1..=u64::from(u32::MAX)).contains(&ttl.as_secs()) {
        return Err("it is a whole number of seconds, at least one".into());
    }
    Ok(ttl)
}

fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    match port {
        Some(1..) => Ok(text.into()),
        _ => Err("write host:port".into()),
    }
}

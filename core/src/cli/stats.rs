//! `millstream stats`: what a server says of itself.

use super::args::ClientArguments;
use super::exit::Failure;
use super::ready::{print_line, print_text};
use crate::client::KvClient;
use crate::error::Error;
use crate::wire::Status;
use clap::Args;
use core::fmt::Write;
use serde_json::{Map, Value};

/// Which statistics, and how.
#[derive(Clone, Debug, Args)]
pub(super) struct StatsArguments {
    /// The group: dcp, vbucket-details and others; without it the general statistics
    #[arg(default_value = "")]
    group: String,
    /// Print them as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArguments,
}

/// Prints a group of statistics.
pub(super) async fn run(arguments: StatsArguments) -> Result<(), Failure> {
    let settings = arguments.client.settings()?;
    let client = KvClient::connect(&settings).await;
    let mut client = client.map_err(|error| Failure::connecting(&settings, error))?;
    let group = arguments.group.as_str();
    let stats = client.stats(group).await.map_err(|error| refused(group, error))?;
    if arguments.json { print_line(&object(stats)) } else { print_text(&table(&stats)) }
}

/// Texts all of them, as the server tells them: many are 64-bit numbers, which readers of JSON round.
fn object(stats: Vec<(String, String)>) -> Map<String, Value> {
    stats.into_iter().map(|(name, value)| (name, Value::from(value))).collect()
}

/// Names and values in two columns.
pub(super) fn table(stats: &[(String, String)]) -> String {
    let width = stats.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut table = String::new();
    for (name, value) in stats {
        // A String takes everything.
        let _ = writeln!(table, "{name:width$}  {value}");
    }
    table
}

fn refused(group: &str, error: Error) -> Failure {
    let unknown = crate::client::status_of(&error)
        .is_some_and(|s| matches!(s, Status::KEY_ENOENT | Status::EINVAL | Status::NOT_SUPPORTED));
    let failure = Failure::from(error);
    if unknown && !group.is_empty() {
        return failure.after(&format!("the server has no group `{group}`"));
    }
    failure
}

//! `millstream vbucket`: states, failovers, rollbacks and purges of a running server's vbuckets.

use super::arguments::ManageArguments;
use super::http::Endpoints;
use crate::cli::amounts::duration;
use crate::cli::exit::Failure;
use crate::cli::ready::print_line;
use clap::{Args, Subcommand, ValueEnum};
use core::time::Duration;
use hyper::Method;
use serde_json::Value;

/// Shows and changes vbuckets.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct VbucketArguments {
    #[command(subcommand)]
    command: VbucketCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum VbucketCommand {
    /// Print state, seqnos and failover log of vbuckets (all of them if none is named), one JSON object a line
    State {
        /// Which
        #[arg(value_name = "VB")]
        vbs: Vec<u16>,
        #[command(flatten)]
        manage: ManageArguments,
    },
    /// Give vbuckets a state; their streams end
    SetState {
        /// Which
        #[arg(value_name = "VB", required = true)]
        vbs: Vec<u16>,
        /// The state
        #[arg(value_enum, value_name = "STATE")]
        to: State,
        #[command(flatten)]
        manage: ManageArguments,
    },
    /// Begin a new branch of the history of vbuckets, as if a replica took over; their streams end
    Failover {
        /// Which
        #[arg(value_name = "VB", required = true)]
        vbs: Vec<u16>,
        #[command(flatten)]
        manage: ManageArguments,
    },
    /// Take a vbucket back to a seqno: everything above vanishes
    Rollback {
        /// Which
        vb: u16,
        /// The seqno
        #[arg(long, value_name = "SEQNO")]
        to: u64,
        #[command(flatten)]
        manage: ManageArguments,
    },
    /// Forget old tombstones of vbuckets
    Purge {
        /// Which
        #[arg(value_name = "VB", required = true)]
        vbs: Vec<u16>,
        /// How old they are at least: 0s, 7d; without it as the server purges by itself
        #[arg(long, value_name = "TIME", value_parser = duration)]
        older_than: Option<Duration>,
        #[command(flatten)]
        manage: ManageArguments,
    },
    /// Forget everything about vbuckets that are dead
    Delete {
        /// Which
        #[arg(value_name = "VB", required = true)]
        vbs: Vec<u16>,
        #[command(flatten)]
        manage: ManageArguments,
    },
}

/// A state of a vbucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    /// Takes writes and is streamed
    Active,
    /// Is streamed
    Replica,
    /// Neither
    Pending,
    /// Neither; it may be deleted
    Dead,
}

/// Does what the arguments ask for, vbucket by vbucket, and prints what came of each.
pub(in crate::cli) async fn vbucket(arguments: VbucketArguments) -> Result<(), Failure> {
    match arguments.command {
        VbucketCommand::State { vbs, manage } if vbs.is_empty() => {
            let endpoints = Endpoints::find(&manage).await?;
            let all = endpoints.ask(Method::GET, "/vbuckets", String::new()).await?;
            all.as_array().into_iter().flatten().try_for_each(print_line)
        }
        VbucketCommand::State { vbs, manage } => {
            each(&vbs, &manage, Method::GET, "", String::new()).await
        }
        VbucketCommand::SetState { vbs, to, manage } => {
            let name = to.to_possible_value().map(|value| value.get_name().to_owned());
            let form = format!("state={}", name.unwrap_or_default());
            each(&vbs, &manage, Method::POST, "/state", form).await
        }
        VbucketCommand::Failover { vbs, manage } => {
            each(&vbs, &manage, Method::POST, "/failover", String::new()).await
        }
        VbucketCommand::Rollback { vb, to, manage } => {
            each(&[vb], &manage, Method::POST, "/rollback", format!("to={to}")).await
        }
        VbucketCommand::Purge { vbs, older_than, manage } => {
            let form = older_than.map(|age| format!("olderThan={}", age.as_secs()));
            each(&vbs, &manage, Method::POST, "/purge", form.unwrap_or_default()).await
        }
        VbucketCommand::Delete { vbs, manage } => {
            each(&vbs, &manage, Method::DELETE, "", String::new()).await
        }
    }
}

async fn each(
    vbs: &[u16],
    manage: &ManageArguments,
    method: Method,
    what: &str,
    form: String,
) -> Result<(), Failure> {
    let endpoints = Endpoints::find(manage).await?;
    for (done, vb) in vbs.iter().enumerate() {
        let path = format!("/vbuckets/{vb}{what}");
        let answered = endpoints.ask(method.clone(), &path, form.clone()).await;
        let mut told = answered
            .map_err(|failure| failure.after(&format!("at vbucket {vb}, after {done} others")))?;
        if let Value::Object(members) = &mut told {
            members.insert("vbucket".into(), (*vb).into());
        }
        print_line(&told)?;
    }
    Ok(())
}

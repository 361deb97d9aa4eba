//! The options of `tail`.

use super::render::Values;
use crate::cli::amounts::{VbucketList, duration, size};
use crate::cli::args::{ClientArguments, connection_name};
use crate::cli::exit::Failure;
use crate::client::{ConnectSettings, DcpSettings};
use crate::limits::LOAD_PATIENCE;
use crate::wire::Feature;
use clap::{Args, ValueEnum};
use core::num::NonZeroU64;
use core::time::Duration;
use std::path::PathBuf;

/// What to show, from where, and until when.
#[derive(Clone, Debug, Args)]
pub(crate) struct TailArguments {
    /// Start at the beginning; otherwise at what is new. A checkpoint comes first
    #[arg(long)]
    pub(super) from_beginning: bool,
    /// Only these vbuckets, as in 1,5-9
    #[arg(long, alias = "vbuckets", value_name = "LIST")]
    pub(super) vbucket: Option<VbucketList>,
    /// End when everything is shown that was there at the start
    #[arg(long)]
    pub(super) until_caught_up: bool,
    /// With --until-caught-up: how long to ask again for streams that the server has no room for while it sends nothing
    /// else, before it ends with exit code 5 [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "until_caught_up")]
    patience: Option<Duration>,
    /// End after so many mutations, deletions and expirations
    #[arg(long, value_name = "N")]
    pub(super) count: Option<NonZeroU64>,
    /// A file that remembers what was shown, to go on there the next time
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: Option<PathBuf>,
    /// Show every collection, and changes of them; otherwise the default collection alone
    #[arg(long)]
    pub(super) collections: bool,
    /// What to do when the server says that its history is another one than was shown
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnRollback::GoBack)]
    pub(super) on_rollback: OnRollback,
    /// How values are shown
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Values::Utf8)]
    pub(super) values: Values,
    /// The name of the connection; the server closes an older one of the same name [default: millstream-tail-PID]
    #[arg(long, value_name = "NAME", value_parser = connection_name)]
    pub(super) name: Option<String>,
    /// Bytes that the server may send before they are shown; 0: no limit
    #[arg(long, value_name = "SIZE", default_value = "20MiB", value_parser = window)]
    pub(super) buffer_size: u32,
    #[command(flatten)]
    pub(super) client: ClientArguments,
}

/// What to do when a stream has to go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OnRollback {
    /// Tell how far, on both outputs, and go on from there
    GoBack,
    /// End with exit code 3
    Fail,
}

impl TailArguments {
    #[cfg(test)]
    pub(crate) fn client(&self) -> &ClientArguments {
        &self.client
    }

    /// How long to ask again for streams that are refused; `None`: for ever.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.until_caught_up.then(|| self.patience.unwrap_or(LOAD_PATIENCE))
    }

    /// How to connect.
    pub(super) fn connect_settings(&self) -> Result<ConnectSettings, Failure> {
        let settings = self.client.settings()?;
        if !self.collections {
            return Ok(settings);
        }
        Ok(settings.features(ConnectSettings::FEATURES.with(Feature::COLLECTIONS)))
    }

    pub(super) fn dcp_settings(&self) -> DcpSettings {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => format!("millstream-tail-{}", std::process::id()),
        };
        DcpSettings::new(name).buffer_bytes(self.buffer_size)
    }
}

fn window(text: &str) -> Result<u32, String> {
    u32::try_from(size(text)?)
        .map_err(|_| "the protocol's largest window is 4 GiB less one byte".into())
}

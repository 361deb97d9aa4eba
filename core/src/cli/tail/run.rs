//! The loop around a connection: events, signals, time, and an output that may be slow.

use super::arguments::TailArguments;
use super::judge::Judge;
use super::output::{Output, Reader};
use super::plan::Plan;
use super::refusals::Refusals;
use super::render::Render;
use super::tailing::{Seen, Tailing};
use crate::cli::checkpoint::Positions;
use crate::cli::exit::Failure;
use crate::cli::progress::TailProgress;
use crate::cli::signals::Signals;
use crate::client::{DcpClient, Event};
use core::num::NonZeroU64;
use core::pin::pin;
use core::time::Duration;
use std::time::Instant;
use tokio::time;

/// Shows the changes of a bucket.
pub(crate) async fn run(arguments: TailArguments) -> Result<(), Failure> {
    let settings = arguments.connect_settings()?;
    let mut positions = Positions::load(arguments.checkpoint.as_deref(), Instant::now())?;
    let client = DcpClient::connect(&settings, &arguments.dcp_settings()).await;
    let mut client = client.map_err(|error| Failure::connecting(&settings, error))?;
    let highs = client.all_vb_seqnos().await?;
    let mut plan = Plan::new(&arguments, &highs, &mut positions)?;
    plan.ask_for_all(&mut client, &mut positions);
    let mut signals = Signals::listen()?;
    let mut tailing = Tailing {
        progress: TailProgress::new(plan.distance(&mut positions)),
        client,
        plan,
        positions,
        output: Output::new(Render { values: arguments.values }),
        judge: Judge::new(arguments.collections),
        on_rollback: arguments.on_rollback,
        again: Vec::new(),
        refusals: Refusals::new(arguments.patience()),
        seen: Seen::default(),
    };
    let count = arguments.count.map_or(u64::MAX, NonZeroU64::get);
    let done = follow(&mut tailing, &mut signals, count).await;
    tailing.progress.end();
    finish(tailing, done, &mut signals).await
}

/// Why [`follow`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// Everything was shown that was wanted.
    All,
    /// The user wants no more.
    Interrupted,
    /// Nobody reads the output any more.
    Unread,
}

async fn follow(tailing: &mut Tailing, signals: &mut Signals, count: u64) -> Result<Done, Failure> {
    let mut ticks = time::interval(TICK);
    let mut events = 0_u32;
    while !tailing.is_over() && tailing.seen.documents < count {
        let Some(event) = at_once(&mut tailing.client).await? else {
            if let Some(done) = settle(tailing, signals).await? {
                return Ok(done);
            }
            tokio::select! {
                biased;
                () = signals.next() => return Ok(Done::Interrupted),
                event = tailing.client.next_event() => tailing.event(&event?)?,
                _ = ticks.tick() => tailing.ask_again()?,
            }
            continue;
        };
        tailing.event(&event)?;
        events = events.wrapping_add(1);
        if (tailing.output.is_full() || events.is_multiple_of(EVENTS_BETWEEN_LOOKS))
            && let Some(done) = settle(tailing, signals).await?
        {
            return Ok(done);
        }
    }
    Ok(Done::All)
}

/// The next event, if it is there.
async fn at_once(client: &mut DcpClient) -> Result<Option<Event>, Failure> {
    tokio::select! {
        biased;
        event = client.next_event() => Ok(Some(event?)),
        () = core::future::ready(()) => Ok(None),
    }
}

/// Writes what is there, remembers it, and looks for signals.
async fn settle(tailing: &mut Tailing, signals: &mut Signals) -> Result<Option<Done>, Failure> {
    let done = write(&mut tailing.output, signals).await?;
    if done == Some(Done::Unread) {
        return Ok(done);
    }
    let now = Instant::now();
    if tailing.positions.is_due(now) {
        tailing.positions.save(now)?;
    }
    let Seen { seqnos, documents, bytes } = tailing.seen;
    tailing.progress.at(seqnos, documents, bytes);
    if done.is_some() {
        return Ok(done);
    }
    tokio::select! {
        biased;
        () = signals.next() => Ok(Some(Done::Interrupted)),
        () = core::future::ready(()) => Ok(None),
    }
}

/// Writes what is there. The first signal lets a reader that is slow take it all the same, the second does not.
async fn write(output: &mut Output, signals: &mut Signals) -> Result<Option<Done>, Failure> {
    let mut done = None;
    let mut flush = pin!(output.flush());
    loop {
        tokio::select! {
            biased;
            reader = &mut flush => return Ok(match reader? {
                Reader::Reads => done,
                Reader::Left => Some(Done::Unread),
            }),
            () = signals.next() => {
                if done.replace(Done::Interrupted).is_some() {
                    return Ok(Some(Done::Unread));
                }
            }
        }
    }
}

/// Writes and remembers the rest, and hears the judge.
async fn finish(
    mut tailing: Tailing,
    done: Result<Done, Failure>,
    signals: &mut Signals,
) -> Result<(), Failure> {
    // The checkpoint never gets ahead of what was taken: what was lost is shown again.
    let mut saved = Ok(());
    if !tailing.output.has_lost() {
        saved = write(&mut tailing.output, signals).await.map(drop);
    }
    if !tailing.output.has_lost() {
        saved = tailing.positions.save(Instant::now());
    }
    done.and(saved)?;
    tailing.judge.end().map(drop)
}

/// How often streams that were refused are asked for again.
const TICK: Duration = Duration::from_secs(1);
/// Events that may be handled before signals and the time are looked at.
const EVENTS_BETWEEN_LOOKS: u32 = 1024;

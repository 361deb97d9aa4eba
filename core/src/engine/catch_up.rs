//! Vbuckets that have not told of the whole manifest yet: those that have just become active, and those for which there
//! was no memory when it changed. The housekeeper brings them up; nobody else waits for that, unless by [`CaughtUp`].
//!
//! Meanwhile such a vbucket is as it was: documents of collections that it has are written and streamed, also of one
//! that was dropped elsewhere, for its drop event is still to come. A document of a collection that it has yet to hear
//! of is not refused for good, but told to come again ([`UpdateError::Busy`]).

use super::collections::{NoMemory, follow, knows};
use super::parts::EngineParts;
use super::signal::Registration;
use crate::collections::Manifest;
use crate::partition::{Partition, UpdateError};
use crate::types::{CollectionId, VbId, VbState};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use millstream_reclaim::Reader;
use millstream_reclaim::sync::Arc;
use std::collections::BTreeSet;

/// The housekeeper's part of it.
#[derive(Debug, Default)]
pub(super) struct CatchUp {
    late: BTreeSet<usize>,
    cursor: usize,
}

impl CatchUp {
    /// Whether somebody is to be tried again.
    pub(super) fn is_pending(&self) -> bool {
        !self.late.is_empty()
    }

    /// Has the vbuckets that are behind tell what they missed. Waits for nobody: what cannot be told now is tried again
    /// the next time.
    pub(super) fn run(&mut self, parts: &EngineParts, reader: &mut Reader) {
        while let Some(member) = parts.behind.take(&mut self.cursor) {
            self.late.insert(member);
        }
        if self.late.is_empty() {
            return;
        }
        let Some(_turn) = parts.manifest_turn.try_take() else { return };
        let manifest: Manifest = parts.manifest(&reader.pin()).clone();
        let now = parts.clock.unix_seconds();
        let before = self.late.len();
        self.late.retain(|member| {
            let Some(partition) = parts.partitions.get(*member) else { return false };
            follow(partition, &manifest, now, NoMemory::Leave, reader).is_err()
        });
        if self.late.len() < before {
            // Whoever waits for it, and writers that were told to come again.
            parts.commits.notify();
        }
    }
}

impl EngineParts {
    /// A vbucket may have something to catch up with.
    pub(super) fn fall_behind(&self, partition: &Partition) {
        self.behind.mark(usize::from(partition.vb.0));
    }

    /// Whether an active vbucket has yet to hear of a collection of the manifest.
    pub(super) fn is_behind(
        &self,
        partition: &Partition,
        id: CollectionId,
        pin: &millstream_reclaim::Pin<'_>,
    ) -> bool {
        partition.info(pin).state == VbState::Active && self.manifest(pin).collection(id).is_some()
    }

    /// Why a document was not written whose collection the vbucket does not have.
    pub(super) fn not_here<E>(
        &self,
        partition: &Partition,
        id: CollectionId,
        pin: &millstream_reclaim::Pin<'_>,
    ) -> UpdateError<E> {
        if partition.info(pin).state != VbState::Active {
            return UpdateError::NotActive;
        }
        match self.is_behind(partition, id, pin) {
            true => UpdateError::Busy,
            false => UpdateError::UnknownCollection,
        }
    }
}

/// Done when a vbucket knows of every scope and collection of the manifest, is not active, or the engine has stopped.
///
/// # Cancel safety
/// May be dropped at any time.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CaughtUp {
    parts: Arc<EngineParts>,
    vb: VbId,
    registration: Registration,
}

impl CaughtUp {
    pub(super) fn new(parts: Arc<EngineParts>, vb: VbId) -> Self {
        Self { parts, vb, registration: Registration::default() }
    }
}

impl Future for CaughtUp {
    /// Whether it knows.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let Self { parts, vb, registration } = &mut *self;
        registration.poll(&parts.commits, cx.waker(), || {
            let Some(partition) = parts.partition(*vb) else { return Some(false) };
            let mut reader = parts.domain.borrow("caught up");
            let pin = reader.pin();
            let is_over = || partition.info(&pin).state != VbState::Active || parts.is_stopped();
            match knows(partition, &parts.manifest(&pin), &pin) {
                true => Some(true),
                false => is_over().then_some(false),
            }
        })
    }
}

//! What should come back, and what did.

use crate::cli::exit::Failure;
use crate::cli::input::Document;
use crate::client::Event;
use bytes::Bytes;
use core::ops::RangeInclusive;
use std::collections::{HashMap, HashSet};

/// What should come back.
#[derive(Debug)]
pub(super) enum Contents<'d> {
    /// Exactly these documents, each with its value; those that came are taken out.
    Sample(HashMap<&'d [u8], &'d [u8]>),
    /// Whatever was in the store; what is alive is kept.
    Stored(HashSet<Bytes>),
}

impl<'d> Contents<'d> {
    /// Everything that was just written.
    pub(super) fn sample(documents: &'d [Document]) -> Self {
        let pairs = documents.iter().map(|d| (d.key.as_slice(), d.value.as_slice()));
        Self::Sample(pairs.collect())
    }

    /// What an earlier run has left.
    pub(super) fn stored() -> Self {
        Self::Stored(HashSet::new())
    }

    /// Takes in an event.
    ///
    /// # Errors
    /// When it is not what was written.
    pub(super) fn event(&mut self, event: &Event) -> Result<(), Failure> {
        match (self, event) {
            (Self::Sample(missing), Event::Mutation(document)) => {
                let key = document.key.escape_ascii();
                match missing.remove(&*document.key) {
                    Some(value) if value == &*document.value => {}
                    Some(_) => {
                        return Err(wrong(format!(
                            "document \"{key}\" came back with another value"
                        )));
                    }
                    None => {
                        return Err(wrong(format!(
                            "document \"{key}\" came back, but was not written, or came twice"
                        )));
                    }
                }
            }
            (Self::Sample(_), Event::Deletion(document) | Event::Expiration(document)) => {
                let key = document.key.escape_ascii();
                return Err(wrong(format!("document \"{key}\" came back deleted")));
            }
            (Self::Stored(alive), Event::Mutation(document)) => {
                alive.insert(document.key.clone());
            }
            (Self::Stored(alive), Event::Deletion(document) | Event::Expiration(document)) => {
                alive.remove(&document.key);
            }
            _ => {}
        }
        Ok(())
    }

    /// Everything came that will. `stored` is how many documents the store had, before and after.
    ///
    /// # Errors
    /// When something is missing, or too much.
    pub(super) fn end(&self, stored: RangeInclusive<u64>) -> Result<(), Failure> {
        match self {
            Self::Sample(missing) if missing.is_empty() => Ok(()),
            Self::Sample(missing) => {
                let first = missing.keys().min().map(|key| key.escape_ascii().to_string());
                let first = first.unwrap_or_default();
                Err(wrong(format!(
                    "{} documents are missing, \"{first}\" among them",
                    missing.len()
                )))
            }
            Self::Stored(alive) if stored.contains(&(alive.len() as u64)) => Ok(()),
            Self::Stored(alive) => {
                let wanted = stored.end();
                Err(wrong(format!(
                    "{} documents came back, but the store has {wanted}",
                    alive.len()
                )))
            }
        }
    }
}

fn wrong(what: String) -> Failure {
    Failure::failed(format!("what was streamed is not what was stored: {what}"))
}

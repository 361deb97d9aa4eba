//! One alarm for all deadlines of a connection. It may ring early, never late: setting it anew costs more than a
//! look.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::time::Instant;
use tokio::time::{Sleep, sleep_until};

/// The alarm.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    set_to: Option<Instant>,
}

impl Timer {
    /// Ready when the deadline may have come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        if self.set_to.is_none_or(|set_to| deadline < set_to) {
            let at = tokio::time::Instant::from_std(deadline);
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(at),
                None => self.sleep = Some(Box::pin(sleep_until(at))),
            }
            self.set_to = Some(deadline);
        }
        let Some(sleep) = &mut self.sleep else { return Poll::Pending };
        let rung = sleep.as_mut().poll(cx);
        if rung.is_ready() {
            self.set_to = None;
        }
        rung
    }
}

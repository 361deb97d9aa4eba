//! `/pools/default/bs/{bucket}` and `/pools/default/bucketsStreaming/{bucket}`: the map, and again whenever it changes.
//! It never does, so that after the first one the answer only stays open.

use super::answer::{Answer, held};
use super::host::Host;
use crate::server::shared::Shared;
use bytes::Bytes;
use core::convert::Infallible;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use hyper::body::{Body, Frame};
use tokio::sync::watch;

/// Ends a document for those who read it from the stream.
const END: &str = "\n\n\n\n";

pub(super) fn map(shared: &Shared, host: &Host, mut stopping: watch::Receiver<()>) -> Answer {
    let stopped = async move {
        // Either told to stop, or the server was dropped.
        let _ = stopping.changed().await;
    };
    let first = host.put_into(shared.config.bucket()) + END;
    held(Held { first: Some(Bytes::from(first)), stopped: Box::pin(stopped) })
}

/// A piece of text, then silence until the server stops.
pub(super) struct Held {
    first: Option<Bytes>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => self.stopped.as_mut().poll(cx).map(|()| None),
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("first", &self.first).finish_non_exhaustive()
    }
}

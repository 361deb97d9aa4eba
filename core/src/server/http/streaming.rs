//! `/pools/default/bs/{bucket}` and `/pools/default/bucketsStreaming/{bucket}`: the map, and again whenever it changes.

use super::answer::{Answer, held};
use super::host::Host;
use crate::engine::{Engine, StatesChanged};
use crate::server::cluster_config::{ClusterConfig, MapTexts};
use crate::server::shared::Shared;
use bytes::Bytes;
use core::convert::Infallible;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use hyper::body::{Body, Frame};
use std::sync::Arc;
use tokio::sync::watch;

/// Ends a document for those who read it from the stream.
const END: &str = "\n\n\n\n";

pub(super) fn map(shared: &Shared, host: &Host, mut stopping: watch::Receiver<()>) -> Answer {
    let stopped = async move {
        // Either told to stop, or the server was dropped.
        let _ = stopping.changed().await;
    };
    held(Held {
        engine: shared.engine.clone(),
        config: Arc::clone(&shared.config),
        host: host.clone(),
        last: None,
        changed: None,
        stopped: Box::pin(stopped),
    })
}

/// The map, again and again, until the server stops.
pub(super) struct Held {
    engine: Engine,
    config: Arc<ClusterConfig>,
    host: Host,
    /// What was told last.
    last: Option<Arc<MapTexts>>,
    changed: Option<StatesChanged>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Held {
    /// The map, if it is another than the one that was told last.
    fn next(&mut self) -> Option<Bytes> {
        let now = self.config.now(&self.engine);
        let version = self.last.as_ref().map(|last| last.version);
        self.changed = Some(self.engine.states_changed(now.told));
        let text =
            (version != Some(now.version)).then(|| self.host.put_into(&now.bucket.plain) + END);
        self.last = Some(now);
        text.map(Bytes::from)
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if self.stopped.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            if let Some(changed) = &mut self.changed {
                ready!(Pin::new(changed).poll(cx));
                if self.engine.is_shut_down() {
                    return Poll::Ready(None);
                }
            }
            if let Some(text) = self.next() {
                return Poll::Ready(Some(Ok(Frame::data(text))));
            }
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("last", &self.last).finish_non_exhaustive()
    }
}

//! One client of the management port.

use super::routes::handle;
use crate::limits::CLOSE_TIME_MAX;
use crate::server::shared::Shared;
use crate::tls::Socket;
use core::convert::Infallible;
use core::pin::pin;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::timeout;

/// Bytes of a request's head: credentials and a path are far smaller.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Serves a client until it goes or the server stops.
pub(in crate::server) async fn serve(
    shared: Arc<Shared>,
    socket: Socket,
    from: SocketAddr,
    mut stopping: watch::Receiver<()>,
) {
    let local = socket.tcp().local_addr().map_or(IpAddr::from([127, 0, 0, 1]), |local| local.ip());
    let told = stopping.clone();
    let head_timeout = shared.settings.login_timeout;
    let service = service_fn(|request| {
        let (shared, told) = (Arc::clone(&shared), told.clone());
        async move { Ok::<_, Infallible>(handle(&shared, request, local, &told).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(HEAD_BYTES_MAX);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            timeout(CLOSE_TIME_MAX, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        tracing::debug!(%from, %error, "a management connection failed");
    }
}

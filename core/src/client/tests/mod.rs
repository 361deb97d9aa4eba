mod bulk;
mod cancelling;
mod connecting;
mod documents;
mod lending;
mod opening;
mod resuming;
mod server;
mod streaming;
mod window;

use super::settings::ConnectSettings;
use super::{Connection, KvClient};
use crate::error::Result;
use server::{Server, serve};
use tokio::io::DuplexStream;

/// Where errors say that they happened.
const HOST: &str = "fake:11210";

fn settings() -> ConnectSettings {
    ConnectSettings::new(HOST, "default")
}

/// A connection to a fake server through a pipe that holds so many bytes.
async fn connect(
    pipe: usize,
    settings: &ConnectSettings,
    server: impl Server,
) -> Result<Connection<DuplexStream>> {
    let (ours, theirs) = tokio::io::duplex(pipe);
    serve(theirs, server);
    Connection::over(ours, settings).await
}

async fn kv(pipe: usize, server: impl Server) -> KvClient<DuplexStream> {
    KvClient::new(connect(pipe, &settings(), server).await.unwrap()).unwrap()
}

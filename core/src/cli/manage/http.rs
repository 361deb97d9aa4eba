//! One request to the management endpoints.

use super::arguments::ManageArguments;
use crate::cli::exit::{Exit, Failure};
use crate::client::{ConnectSettings, Connection, Credentials, Socket, tls_socket};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use core::future::Future;
use core::time::Duration;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Bytes of an answer: a manifest of as many collections as there can be is far smaller.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The management endpoints of a server.
pub(super) struct Endpoints {
    settings: ConnectSettings,
    address: String,
    bucket: String,
}

impl Endpoints {
    /// Those that were named, or that the server's map names.
    pub(super) async fn find(arguments: &ManageArguments) -> Result<Self, Failure> {
        let settings = arguments.client.settings()?;
        let bucket = arguments.client.bucket.clone();
        let address = match &arguments.http {
            Some(address) => address.clone(),
            None => named_by_the_map(&settings).await?,
        };
        Ok(Self { settings, address, bucket })
    }

    /// Sends a request for something of the bucket; the answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        form: String,
    ) -> Result<Value, Failure> {
        let Self { address, bucket, .. } = self;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/pools/default/buckets/{bucket}{path}"))
            .header(HOST, address)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(Credentials { user, password, .. }) = &self.settings.credentials {
            let both = BASE64.encode(format!("{user}:{password}"));
            request = request.header(AUTHORIZATION, format!("Basic {both}"));
        }
        let request = request.body(Full::new(Bytes::from(form)));
        let request = request.map_err(|e| Failure::usage(format!("{bucket}: {e}")))?;
        let (status, body) = self.send(request).await?;
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status == StatusCode::OK {
            return Ok(document);
        }
        let why = document["message"].as_str().unwrap_or("it does not say why").to_owned();
        let exit = if status == StatusCode::UNAUTHORIZED { Exit::Login } else { Exit::Failed };
        Err(Failure::new(exit, format!("{address}: {why} ({status})")))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Failure> {
        let socket = self.connect().await?;
        let failed = |what: &dyn core::fmt::Display| {
            Failure::failed(format!("{}: the management endpoints failed: {what}", self.address))
        };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(socket)).await.map_err(|e| failed(&e))?;
        let exchange = async {
            let answer = sender.send_request(request).await.map_err(|e| failed(&e))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok((status, body.map_err(|e| failed(&e))?.to_bytes()))
        };
        let driven = async {
            tokio::select! {
                answered = exchange => answered,
                // It ends only if the other side does, or with an error that the exchange has as well.
                ended = connection => Err(match ended {
                    Ok(()) => failed(&"it closed the connection"),
                    Err(error) => failed(&error),
                }),
            }
        };
        self.in_time(driven).await
    }

    async fn connect(&self) -> Result<Socket, Failure> {
        let unreachable = |error: std::io::Error| {
            Failure::failed(format!(
                "{}: the management endpoints cannot be reached: {error}; does the server serve them (--http-listen)?",
                self.address
            ))
        };
        let connecting = async { TcpStream::connect(&self.address).await.map_err(unreachable) };
        let tcp = self.in_time(connecting).await?;
        match &self.settings.tls {
            None => Ok(tcp.into()),
            Some(trust) => {
                self.in_time(async { Ok(tls_socket(tcp, &self.address, trust).await?) }).await
            }
        }
    }

    async fn in_time<T>(
        &self,
        step: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let patience: Duration = self.settings.timeout;
        match timeout(patience, step).await {
            Ok(done) => done,
            Err(_) => {
                let what = format!("{}: the management endpoints took too long", self.address);
                Err(Failure::new(Exit::TimedOut, what))
            }
        }
    }
}

/// The port of the management endpoints on the host that the map is from.
async fn named_by_the_map(settings: &ConnectSettings) -> Result<String, Failure> {
    let connection = Connection::connect(settings).await;
    let connection = connection.map_err(|error| Failure::connecting(settings, error))?;
    let service = if settings.tls.is_some() { "mgmtSSL" } else { "mgmt" };
    let services = &connection.config()["nodesExt"][0]["services"];
    let port = services[service].as_u64().ok_or_else(|| {
        let what = format!("{}: its map names no port `{service}`", connection.peer());
        Failure::failed(what)
    })?;
    let host = connection.peer().rsplit_once(':').map_or(connection.peer(), |(host, _)| host);
    Ok(format!("{host}:{port}"))
}

//! The steps that make a byte stream a connection.

use super::config;
use super::connection::Connection;
use super::failure;
use super::settings::{ConnectSettings, Credentials};
use crate::error::Result;
use crate::wire::kv::{self, Hello, HelloAnswer, SaslAuth, SelectBucket};
use tokio::io::{AsyncRead, AsyncWrite};

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) async fn bootstrap(&mut self, settings: &ConnectSettings) -> Result<()> {
        let hello = Hello { agent: settings.agent.as_bytes(), features: settings.features };
        let answer = self.ask_ok(|opaque, out| hello.encode(opaque, out)).await?;
        let granted = self.read(HelloAnswer::parse(&answer))?.features;
        self.features = granted.and(settings.features);
        // Only asked so that the server knows that we know; some have none.
        let map = kv::GetErrorMap { version: 2 };
        self.ask(|opaque, out| map.encode(opaque, out)).await?;
        if let Some(credentials) = &settings.credentials {
            self.authenticate(credentials).await?;
        }
        if let Some(bucket) = &settings.bucket {
            let select = SelectBucket { bucket: bucket.as_bytes() };
            self.ask_ok(|opaque, out| select.encode(opaque, out)).await?;
            self.fetch_config().await?;
        }
        Ok(())
    }

    async fn authenticate(&mut self, credentials: &Credentials) -> Result<()> {
        let data = ["", &credentials.user, &credentials.password].join("\0");
        let auth = SaslAuth { first: true, mechanism: b"PLAIN", data: data.as_bytes() };
        self.ask_ok(|opaque, out| auth.encode(opaque, out)).await.map(drop)
    }

    async fn fetch_config(&mut self) -> Result<()> {
        let get = kv::GetClusterConfig { known: None };
        let answer = self.ask_ok(|opaque, out| get.encode(opaque, out)).await?;
        self.config = serde_json::from_slice(answer.value()).map_err(|e| {
            failure::nonsense(self.peer(), "the cluster's map is not JSON").because(e)
        })?;
        self.vbuckets = config::vbuckets(&self.config);
        if self.vbuckets.is_none() {
            let what = "the cluster's map says nothing about vbuckets";
            return Err(failure::nonsense(self.peer(), what));
        }
        Ok(())
    }
}

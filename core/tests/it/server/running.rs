//! A server on a port of its own, over an engine on the memory store, for as long as a test runs.

use super::client::Client;
use millstream::engine::{Engine, EngineSettings};
use millstream::server::{Server, ServerSettings};
use millstream::store::MemoryStore;
use millstream::types::{Seqno, VbId};
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// A server that runs on a thread of its own; it is shut down when this is dropped.
pub(crate) struct Running {
    pub(crate) engine: Engine,
    pub(crate) address: SocketAddr,
    /// The management endpoints, if the settings wanted them.
    pub(crate) http: Option<SocketAddr>,
    /// The encrypted ports, if the settings wanted them: the protocol's, the management endpoints'.
    pub(crate) tls: Option<SocketAddr>,
    pub(crate) https: Option<SocketAddr>,
    /// The certificate that was made for them.
    pub(crate) certificate: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How a test wants its server.
pub(crate) struct Wanted {
    pub(crate) vbuckets: u32,
    pub(crate) engine: EngineSettings,
    pub(crate) server: ServerSettings,
}

impl Default for Wanted {
    fn default() -> Self {
        let mut server = ServerSettings::default();
        server.listen = "127.0.0.1:0".parse().expect("an address");
        Self { vbuckets: 16, engine: EngineSettings::default(), server }
    }
}

impl Wanted {
    /// Starts it over a memory store.
    pub(crate) fn start(self) -> Running {
        let store = MemoryStore::new(self.vbuckets);
        let engine = Engine::builder(store).settings(self.engine).open().expect("an engine");
        Running::over(engine, self.server)
    }
}

impl Running {
    /// A server with 16 vbuckets and default settings.
    pub(crate) fn start() -> Self {
        Wanted::default().start()
    }

    /// A server over an engine that is there already.
    pub(crate) fn over(engine: Engine, settings: ServerSettings) -> Self {
        let server = Server::bind(engine.clone(), settings).expect("a free port");
        let (address, http) = (server.local_addr(), server.http_addr());
        let (tls, https) = (server.tls_addr(), server.https_addr());
        let certificate = server.generated_certificate().map(str::to_owned);
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let shutdown = async {
                let _ = stopped.await;
            };
            runtime.expect("a runtime").block_on(server.run(shutdown)).expect("it serves");
        };
        let thread = std::thread::Builder::new().name("server".into()).spawn(serve);
        let thread = Some(thread.expect("a thread"));
        Self { engine, address, http, tls, https, certificate, stop: Some(stop), thread }
    }

    /// A client with nothing agreed on.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Waits until a vbucket's writes are persisted up to a seqno.
    pub(super) fn persist(&self, vb: VbId, seqno: Seqno) {
        let persisted = self.engine.persisted(vb, seqno);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        assert!(runtime.expect("a runtime").block_on(persisted), "the store takes them");
    }

    /// Stops the server and waits until every connection is gone.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server did not panic");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.stop();
        self.engine.shutdown();
        let report = self.engine.quiesce_blocking(Duration::from_secs(60)).expect("nobody stalls");
        assert!(report.clean, "{report:?}");
        assert_eq!(report.held, 0, "nothing retired had another owner");
    }
}

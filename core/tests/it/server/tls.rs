//! Encrypted ports, over real sockets.

use super::client::Client;
use super::running::{Running, Wanted};
use millstream::ErrorKind;
use millstream::client::{
    ConnectSettings, Connection, DcpClient, DcpSettings, Event, KvClient, StreamFrom,
    StreamOptions, TlsTrust, WriteOptions,
};
use millstream::engine::Engine;
use millstream::server::{Secret, Server, ServerSettings, TlsIdentity, User};
use millstream::store::MemoryStore;
use millstream::types::{Seqno, VbId};
use std::collections::BTreeMap;
use std::error::Error as _;
use std::fs;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

fn any_port() -> Option<SocketAddr> {
    Some("127.0.0.1:0".parse().expect("an address"))
}

fn wanted() -> Wanted {
    let mut wanted = Wanted::default();
    wanted.server.tls_listen = any_port();
    wanted
}

/// The generated certificate in a file.
fn certificate(server: &Running, folder: &TempDir) -> PathBuf {
    let file = folder.path().join("server.pem");
    fs::write(&file, server.certificate.as_ref().expect("it was made")).expect("there is room");
    file
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for a folder")
}

fn run<R>(future: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

fn settings(address: SocketAddr, trust: TlsTrust) -> ConnectSettings {
    ConnectSettings::new(address.to_string(), "default").tls(trust)
}

/// An error with all that caused it.
fn told(error: &millstream::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// Writes and streams back documents of all sizes: less than a record of TLS, many records, more than the socket's
/// buffers take at once.
#[test]
fn documents_are_written_and_streamed_encrypted() {
    let folder = folder();
    let mut wanted = wanted();
    wanted.server.users = vec![User::new("user", Secret::new("pass"))];
    let server = wanted.start();
    let trust = TlsTrust::Authorities(certificate(&server, &folder));
    let settings = settings(server.tls.expect("it is served"), trust).credentials("user", "pass");
    run(async {
        let mut writer = KvClient::connect(&settings).await.expect("it connects");
        let mut written = BTreeMap::new();
        for (n, bytes) in [0, 1, 100, 16_384, 16_385, 100_000, 5_000_000].into_iter().enumerate() {
            for copy in 0..3_u8 {
                let key = format!("key-{n}-{copy}").into_bytes();
                let value = vec![copy ^ n as u8; bytes];
                let options = WriteOptions::default();
                writer.set(&key, &value, options).await.expect("it is written");
                let got = writer.get(&key).await.expect("it is read").expect("it is there");
                assert!(got.value == value, "{bytes} bytes come back as they are");
                written.insert(key, value);
            }
        }
        let dcp = DcpSettings::new("encrypted").buffer_bytes(100_000);
        let mut reader = DcpClient::connect(&settings, &dcp).await.expect("it opens");
        assert!(reader.connection().is_encrypted());
        let ends: Vec<(VbId, Seqno)> = (0..16)
            .map(|vb| (VbId(vb), server.engine.vbucket(VbId(vb)).expect("it exists").high))
            .collect();
        for (vb, end) in &ends {
            reader.stream(*vb, StreamFrom::BEGINNING, &StreamOptions::up_to(*end));
        }
        let (mut streamed, mut ended) = (BTreeMap::new(), 0);
        while ended < ends.len() {
            match reader.next_event().await.expect("an event") {
                Event::Mutation(document) => {
                    streamed.insert(document.key.to_vec(), document.value.to_vec());
                }
                Event::StreamEnd { .. } => ended += 1,
                _ => {}
            }
        }
        assert!(streamed == written, "{} of {}", streamed.len(), written.len());
    });
}

#[test]
fn the_map_names_the_encrypted_ports_that_there_are() {
    let ports = |server: &Running, address: SocketAddr, tls: Option<TlsTrust>| {
        let mut settings = ConnectSettings::new(address.to_string(), "default");
        settings.tls = tls;
        let map = run(Connection::connect(&settings)).expect("it connects").config().clone();
        let services = map["nodesExt"][0]["services"].clone();
        assert_eq!(services["kv"], server.address.port());
        (services["kvSSL"].as_u64(), services["mgmtSSL"].as_u64())
    };
    let plain = Running::start();
    assert_eq!(ports(&plain, plain.address, None), (None, None));
    let port = |address: Option<SocketAddr>| address.map(|address| u64::from(address.port()));
    let server = wanted().start();
    assert_eq!(ports(&server, server.address, None), (port(server.tls), None));
    let mut wanted = wanted();
    wanted.server.https_listen = any_port();
    let server = wanted.start();
    let tls = server.tls.expect("it is served");
    let both = (port(server.tls), port(server.https));
    assert_eq!(ports(&server, tls, Some(TlsTrust::Everybody)), both, "either port tells");
}

#[test]
fn whom_a_client_believes_is_its_own_choice() {
    let folder = folder();
    let server = wanted().start();
    let stranger = wanted().start();
    let tls = server.tls.expect("it is served");
    let mine = certificate(&server, &folder);
    let connect = |address: String, trust| {
        let settings = ConnectSettings::new(address, "default").tls(trust);
        run(Connection::connect(&settings))
    };
    for host in ["127.0.0.1", "localhost"] {
        let address = format!("{host}:{}", tls.port());
        connect(address, TlsTrust::Authorities(mine.clone())).expect("it is believed");
    }
    connect(tls.to_string(), TlsTrust::Everybody).expect("everybody is believed");
    let address = stranger.tls.expect("it is served").to_string();
    let refused = connect(address.clone(), TlsTrust::Authorities(mine)).expect_err("another's");
    assert_eq!(refused.kind(), ErrorKind::Peer);
    let text = told(&refused);
    assert!(text.contains(&address) && text.contains("certificate"), "{text}");
    let none = connect(address, TlsTrust::Authorities(folder.path().join("none.pem")));
    let text = told(&none.expect_err("there is no such file"));
    assert!(text.contains("none.pem: the certificates cannot be read"), "{text}");
}

#[test]
fn whoever_mixes_up_the_ports_is_told() {
    let mut wanted = wanted();
    wanted.server.login_timeout = Duration::from_secs(5);
    let server = wanted.start();
    // Not encrypted, to the encrypted port.
    let plain = ConnectSettings::new(server.tls.expect("it is served").to_string(), "default");
    run(Connection::connect(&plain)).expect_err("that is no handshake");
    // Encrypted, to the other one.
    let refused = run(Connection::connect(&settings(server.address, TlsTrust::Everybody)));
    let text = told(&refused.expect_err("that is no handshake either"));
    assert!(text.contains("no TLS connection"), "{text}");
}

#[test]
fn whoever_does_not_shake_hands_is_disconnected() {
    let mut wanted = wanted();
    wanted.server.login_timeout = Duration::from_millis(50);
    let mut server = wanted.start();
    let mut silent = Client::connect(server.tls.expect("it is served"));
    silent.is_closed();
    // And nobody who has only begun holds a server up that stops.
    let mut begun = Client::connect(server.tls.expect("it is served"));
    server.stop();
    begun.is_closed();
}

/// A certificate and its key, in two files.
fn files(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
    let (cert, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}-key.pem")));
    fs::write(&cert, made.cert.pem()).expect("there is room");
    fs::write(&key, made.signing_key.serialize_pem()).expect("there is room");
    (cert, key)
}

#[test]
fn a_certificate_may_come_from_files() {
    let folder = folder();
    let (certificates, key) = files(folder.path(), "given");
    let mut wanted = wanted();
    wanted.server.tls_identity = TlsIdentity::Files { certificates: certificates.clone(), key };
    let server = wanted.start();
    assert_eq!(server.certificate, None, "none was made");
    let port = server.tls.expect("it is served").port();
    let settings = |host: &str| {
        let trust = TlsTrust::Authorities(certificates.clone());
        ConnectSettings::new(format!("{host}:{port}"), "default").tls(trust)
    };
    run(Connection::connect(&settings("localhost"))).expect("it is for that name");
    let refused = run(Connection::connect(&settings("127.0.0.1"))).expect_err("not for that one");
    assert_eq!(refused.kind(), ErrorKind::Peer, "{}", told(&refused));
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = folder();
    let (cert, key) = files(folder.path(), "one");
    let (other, _) = files(folder.path(), "other");
    let (empty, none) = (folder.path().join("empty.pem"), folder.path().join("none.pem"));
    fs::write(&empty, "").expect("there is room");
    for (certificates, key, parts) in [
        (&none, &key, vec!["none.pem: the certificates cannot be read"]),
        (&empty, &key, vec!["empty.pem: there is no certificate in it"]),
        (&cert, &none, vec!["none.pem: the private key cannot be read"]),
        (&cert, &empty, vec!["empty.pem: the private key cannot be read"]),
        (&cert, &cert, vec!["one.pem: the private key cannot be read"]),
        (&other, &key, vec!["other.pem", "does not go with", "one-key.pem"]),
    ] {
        let mut settings = ServerSettings::default();
        settings.listen = any_port().expect("an address");
        settings.tls_listen = any_port();
        let (certificates, key) = (certificates.clone(), key.clone());
        settings.tls_identity = TlsIdentity::Files { certificates, key };
        let engine = Engine::open(MemoryStore::new(1)).expect("an engine");
        let refused = Server::bind(engine, settings).expect_err("they cannot be used");
        assert_eq!(refused.kind(), ErrorKind::Misuse);
        let text = told(&refused);
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?} in {text}");
    }
}

#[test]
fn management_endpoints_are_served_encrypted_as_well() {
    let mut wanted = Wanted::default();
    wanted.server.https_listen = any_port();
    let server = wanted.start();
    let made = server.certificate.as_ref().expect("it was made");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(made.as_bytes()).expect("PEM")).expect("one");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let tcp = TcpStream::connect(server.https.expect("it is served")).expect("it listens");
    tcp.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    let mut stream = StreamOwned::new(session, tcp);
    let request = b"GET /pools HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("it is open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and a proper end");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("implementationVersion"), "{answer}");
}

//! Whom a client believes.

use super::Socket;
use crate::error::{Error, ErrorKind, Result};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

/// Whom a client believes that a server is who it says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsTrust {
    /// Whom the system trusts.
    System,
    /// The issuers in this PEM file, or the server's own certificate if it is in there.
    Authorities(PathBuf),
    /// Everybody: the connection is encrypted, and whoever sits in the middle of it reads it all the same.
    Everybody,
}

/// Encrypts a connection to a host. `peer` is its `host:port`.
pub(crate) async fn connect(tcp: TcpStream, peer: &str, trust: &TlsTrust) -> Result<Socket> {
    let host = host_of(peer);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| {
        let what = format!("{host} is no name that a certificate can be for");
        Error::new(ErrorKind::Misuse, what).because(error)
    })?;
    let connector = TlsConnector::from(Arc::new(config(trust)?));
    let stream = connector.connect(name, tcp).await.map_err(|error| refused(peer, error))?;
    Ok(Socket::encrypted(stream))
}

/// What the handshake failed of, for people.
fn refused(peer: &str, error: io::Error) -> Error {
    let kind = match error.kind() {
        // The other side shows something that we do not believe, or does not speak TLS.
        io::ErrorKind::InvalidData => ErrorKind::Peer,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{peer}: no TLS connection")).because(error)
}

/// The host of `host:port`, an address without its brackets.
fn host_of(peer: &str) -> &str {
    let host = peer.rsplit_once(':').map_or(peer, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn config(trust: &TlsTrust) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let unusable =
        |error: rustls::Error| Error::new(ErrorKind::Unavailable, "no TLS").because(error);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let roots = match trust {
        TlsTrust::Everybody => {
            let verifier = Arc::new(Believing(provider));
            let dangerous = builder.dangerous().with_custom_certificate_verifier(verifier);
            return Ok(dangerous.with_no_client_auth());
        }
        TlsTrust::System => system_roots()?,
        TlsTrust::Authorities(file) => file_roots(file)?,
    };
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| Error::new(ErrorKind::Misuse, "nobody is trusted").because(error))?;
    Ok(builder.with_webpki_verifier(verifier).with_no_client_auth())
}

fn system_roots() -> Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    let none = Error::new(ErrorKind::Unavailable, "the system trusts no certificates");
    Err(match found.errors.into_iter().next() {
        Some(error) => none.because(error),
        None => none,
    })
}

fn file_roots(file: &Path) -> Result<RootCertStore> {
    let named = |what: &str| format!("{}: {what}", file.display());
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(|error| {
            Error::new(ErrorKind::Misuse, named("the certificates cannot be read")).because(error)
        })?;
    if certificates.is_empty() {
        return Err(Error::new(ErrorKind::Misuse, named("there is no certificate in it")));
    }
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| {
            Error::new(ErrorKind::Misuse, named("a certificate makes no sense")).because(error)
        })?;
    }
    Ok(roots)
}

/// Believes every certificate, and that its holder made the signature: what [`TlsTrust::Everybody`] says.
#[derive(Debug)]
struct Believing(Arc<CryptoProvider>);

impl ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> core::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> core::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> core::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

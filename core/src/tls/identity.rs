//! What a server shows to prove who it is.

use crate::error::{Error, ErrorKind, Result};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// What a server shows to prove who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsIdentity {
    /// A certificate that is made when the server is, for these host names and addresses, and signed by nobody else:
    /// for development. Clients have to be given it, or told not to look.
    Generated {
        /// The names.
        names: Vec<String>,
    },
    /// PEM files.
    Files {
        /// The certificate, with those of its issuers behind it.
        certificates: PathBuf,
        /// Its private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
        key: PathBuf,
    },
}

impl Default for TlsIdentity {
    /// A generated certificate for this machine as it is reached from itself.
    fn default() -> Self {
        Self::Generated { names: ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec() }
    }
}

/// An identity that was read or made.
#[derive(Clone)]
pub(crate) struct Presented {
    pub(crate) acceptor: TlsAcceptor,
    /// The certificate that clients of a generated identity have to trust, as PEM.
    pub(crate) generated: Option<String>,
}

impl Presented {
    /// Reads the files, or makes a certificate.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`], with the name of the file that is at fault.
    pub(crate) fn new(identity: &TlsIdentity) -> Result<Self> {
        match identity {
            TlsIdentity::Generated { names } => {
                let fault = |error: rcgen::Error| {
                    let what = format!("cannot make a certificate for {}", names.join(", "));
                    Error::new(ErrorKind::Misuse, what).because(error)
                };
                let CertifiedKey { cert, signing_key } =
                    generate_simple_self_signed(names.clone()).map_err(fault)?;
                let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
                let config = config(vec![cert.der().clone()], key).map_err(|error| {
                    let what = "the certificate that was made cannot be used";
                    Error::new(ErrorKind::Unavailable, what).because(error)
                })?;
                Ok(Self { acceptor: config.into(), generated: Some(cert.pem()) })
            }
            TlsIdentity::Files { certificates, key } => {
                let fault = |file: &PathBuf, what: &str, error: pem::Error| {
                    let what = format!("{}: {what}", file.display());
                    Error::new(ErrorKind::Misuse, what).because(error)
                };
                let cannot = "the certificates cannot be read";
                let chain: Vec<_> = CertificateDer::pem_file_iter(certificates)
                    .and_then(Iterator::collect)
                    .map_err(|error| fault(certificates, cannot, error))?;
                if chain.is_empty() {
                    let what = format!("{}: there is no certificate in it", certificates.display());
                    return Err(Error::new(ErrorKind::Misuse, what));
                }
                let private = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| fault(key, "the private key cannot be read", error))?;
                let config = config(chain, private).map_err(|error| {
                    let (cert, key) = (certificates.display(), key.display());
                    let what = format!("the certificate of {cert} does not go with {key}");
                    Error::new(ErrorKind::Misuse, what).because(error)
                })?;
                Ok(Self { acceptor: config.into(), generated: None })
            }
        }
    }
}

impl core::fmt::Debug for Presented {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Presented")
            .field("generated", &self.generated.is_some())
            .finish_non_exhaustive()
    }
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> core::result::Result<Arc<ServerConfig>, rustls::Error> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

//! TLS on either side of the protocol, by rustls with the cryptography of `ring`.
#![forbid(unsafe_code)]

#[cfg(feature = "server")]
mod identity;
mod socket;
#[cfg(feature = "client")]
mod trust;

#[cfg(feature = "server")]
pub(crate) use identity::Presented;
#[cfg(feature = "server")]
pub use identity::TlsIdentity;
#[cfg(not(feature = "client"))]
pub(crate) use socket::Socket;
#[cfg(feature = "client")]
pub use socket::Socket;
#[cfg(feature = "client")]
pub use trust::TlsTrust;
#[cfg(feature = "client")]
pub(crate) use trust::connect;

//! The name that a client reached the server by, which it wants to read in maps.

use hyper::Request;
use hyper::header::HOST;
use std::net::IpAddr;

/// What stands for it in a map that is sent over the other port.
const DIALLED: &str = "$HOST";

/// The name that a client reached the server by, without a port.
#[derive(Clone, Debug)]
pub(super) struct Host(String);

impl Host {
    /// By the request's header, or by the socket's address where that says nothing sensible.
    pub(super) fn of<B>(request: &Request<B>, local: IpAddr) -> Self {
        let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let name = header.map(without_port).filter(|name| is_name(name));
        match (name, local) {
            (Some(name), _) => Self(name.to_owned()),
            (None, IpAddr::V4(address)) => Self(address.to_string()),
            (None, IpAddr::V6(address)) => Self(format!("[{address}]")),
        }
    }

    /// The name with a port.
    pub(super) fn with(&self, port: u16) -> String {
        format!("{}:{port}", self.0)
    }

    /// A map with the name in its place.
    pub(super) fn put_into(&self, map: &[u8]) -> String {
        String::from_utf8_lossy(map).replace(DIALLED, &self.0)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

/// Whether it can stand in a map as it is.
fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    !name.is_empty() && name.chars().all(legal)
}

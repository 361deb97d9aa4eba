//! Which path goes where.

use super::answer::{Answer, refused};
use super::host::Host;
use super::{buckets, guard, nodes, pools, samples, scopes, streaming, vbuckets};
use crate::server::shared::Shared;
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::net::IpAddr;
use tokio::sync::watch;

/// Answers a request, which may change something.
pub(super) async fn handle(
    shared: &Shared,
    request: Request<Incoming>,
    local: IpAddr,
    stopping: &watch::Receiver<()>,
) -> Answer {
    let wanted = {
        let path: Vec<Cow<'_, str>> = parts(&request).collect();
        let path: Vec<&str> = path.iter().map(|part| &**part).collect();
        match &*path {
            ["pools", "default", "buckets", name, group, rest @ ..]
                if *name == shared.settings.bucket =>
            {
                Change::of(group, request.method(), rest)
            }
            _ => None,
        }
    };
    match wanted {
        Some(change) if guard::user(shared, &request).is_some() => match change {
            Change::Scopes(change) => change.make(shared, request).await,
            Change::Vbuckets(change) => change.make(shared, request).await,
        },
        _ => route(shared, &request, local, stopping),
    }
}

/// A change that a request asks for.
enum Change {
    Scopes(scopes::Change),
    Vbuckets(vbuckets::Change),
}

impl Change {
    fn of(group: &str, method: &Method, path: &[&str]) -> Option<Self> {
        match group {
            "scopes" => scopes::Change::of(method, path).map(Self::Scopes),
            "vbuckets" => vbuckets::Change::of(method, path).map(Self::Vbuckets),
            _ => None,
        }
    }
}

/// The parts of a path, decoded.
fn parts<B>(request: &Request<B>) -> impl Iterator<Item = Cow<'_, str>> {
    let parts = request.uri().path().split('/').filter(|part| !part.is_empty());
    parts.map(|part| percent_decode_str(part).decode_utf8_lossy())
}

/// Answers a request that changes nothing.
fn route<B>(
    shared: &Shared,
    request: &Request<B>,
    local: IpAddr,
    stopping: &watch::Receiver<()>,
) -> Answer {
    let Some(user) = guard::user(shared, request) else {
        return refused(StatusCode::UNAUTHORIZED, "log in with a user and a password");
    };
    let host = Host::of(request, local);
    let path: Vec<Cow<'_, str>> = parts(request).collect();
    let path: Vec<&str> = path.iter().map(|part| &**part).collect();
    let no_bucket = || refused(StatusCode::NOT_FOUND, "there is no such bucket");
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "that cannot be changed here");
    }
    match *path {
        ["pools"] => pools::all(),
        ["pools", "default"] => pools::default(shared, &host),
        ["pools", "default", "nodeServices"] => nodes::services(shared, &host),
        ["pools", "default", "buckets"] => buckets::list(shared, &host),
        ["pools", "default", group, name] => match group {
            "buckets" | "b" | "bs" | "bucketsStreaming" if name != shared.settings.bucket => {
                no_bucket()
            }
            "buckets" => buckets::one(shared, &host),
            "b" => buckets::map(shared, &host),
            "bs" | "bucketsStreaming" => streaming::map(shared, &host, stopping.clone()),
            _ => refused(StatusCode::NOT_FOUND, "there is no such path"),
        },
        ["pools", "default", "buckets", name, "scopes"] => {
            if name == shared.settings.bucket {
                scopes::manifest(shared)
            } else {
                no_bucket()
            }
        }
        ["pools", "default", "buckets", name, "stats", stat] => {
            if name == shared.settings.bucket {
                samples::tell(shared, &host, stat)
            } else {
                no_bucket()
            }
        }
        ["pools", "default", "buckets", name, "vbuckets", ref rest @ ..] if rest.len() < 2 => {
            if name == shared.settings.bucket {
                vbuckets::tell(shared, rest.first().copied())
            } else {
                no_bucket()
            }
        }
        ["nodes", "self"] => nodes::this(shared, &host),
        ["versions"] => pools::versions(),
        ["whoami"] => pools::whoami(&user),
        _ => refused(StatusCode::NOT_FOUND, "there is no such path"),
    }
}

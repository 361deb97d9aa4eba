//! Which path goes where.

use super::answer::{Answer, refused};
use super::host::Host;
use super::{buckets, guard, nodes, pools, streaming};
use crate::server::shared::Shared;
use hyper::{Method, Request, StatusCode};
use std::net::IpAddr;
use tokio::sync::watch;

/// Answers a request.
pub(super) fn route<B>(
    shared: &Shared,
    request: &Request<B>,
    local: IpAddr,
    stopping: &watch::Receiver<()>,
) -> Answer {
    let Some(user) = guard::user(shared, request) else {
        return refused(StatusCode::UNAUTHORIZED, "log in with a user and a password");
    };
    let host = Host::of(request, local);
    let path: Vec<&str> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    let no_bucket = || refused(StatusCode::NOT_FOUND, "there is no such bucket");
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "nothing can be changed here");
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
        ["nodes", "self"] => nodes::this(shared, &host),
        ["versions"] => pools::versions(),
        ["whoami"] => pools::whoami(&user),
        _ => refused(StatusCode::NOT_FOUND, "there is no such path"),
    }
}

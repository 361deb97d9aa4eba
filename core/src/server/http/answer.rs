//! What a request is answered with.

use super::streaming::Held;
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::Value;

/// An answer: whole, or one that goes on.
pub(super) type Answer = Response<Either<Full<Bytes>, Held>>;

/// Success, with a document.
pub(super) fn json(value: &Value) -> Answer {
    text(value.to_string())
}

/// Success, with a document that is text already.
pub(super) fn text(json: String) -> Answer {
    with(StatusCode::OK, Either::Left(Full::new(Bytes::from(json))))
}

/// A document that is followed by silence until the server stops.
pub(super) fn held(held: Held) -> Answer {
    with(StatusCode::OK, Either::Right(held))
}

/// Anything but success, with what was wrong.
pub(super) fn refused(status: StatusCode, why: &str) -> Answer {
    // SDKs look for it in the second place.
    let why = serde_json::json!({ "message": why, "errors": { "_": why } }).to_string();
    let mut answer = with(status, Either::Left(Full::new(Bytes::from(why))));
    if status == StatusCode::UNAUTHORIZED {
        let realm = HeaderValue::from_static("Basic realm=\"millstream\"");
        answer.headers_mut().insert(WWW_AUTHENTICATE, realm);
    }
    answer
}

fn with(status: StatusCode, body: Either<Full<Bytes>, Held>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(SERVER, HeaderValue::from_static("millstream"));
    answer
}

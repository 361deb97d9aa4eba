//! The form that comes with a request, and how a change that it asks for is refused.

use super::answer::{Answer, refused};
use crate::collections::ManifestFault;
use crate::error::{Error, ErrorKind};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use std::borrow::Cow;
use std::error::Error as _;
use std::time::Duration;

/// Bytes of a form: two names and a number are far smaller.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// The fields of a form.
#[derive(Debug)]
pub(super) struct Form(Vec<u8>);

/// Why a change was not made.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The form is not what it should be.
    Form(Cow<'static, str>),
    /// The engine refused.
    Engine(Error),
}

impl Form {
    /// The form that comes with a request, which has so long to come.
    pub(super) async fn of(request: Request<Incoming>, within: Duration) -> Result<Self, Refusal> {
        let body = Limited::new(request.into_body(), FORM_BYTES_MAX).collect();
        match tokio::time::timeout(within, body).await {
            Ok(Ok(body)) => Ok(Self(body.to_bytes().to_vec())),
            Ok(Err(error)) => Err(Refusal::form(format!("the form cannot be read: {error}"))),
            Err(_) => Err(Refusal::form("the form did not come")),
        }
    }

    /// Refuses a form that asks for what nobody would do.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let mut fields = form_urlencoded::parse(&self.0);
        match fields.find(|(name, _)| !known.contains(&&**name)) {
            Some((name, _)) => Err(Refusal::form(format!("{name:?} is not supported here"))),
            None => Ok(()),
        }
    }

    /// A field's value.
    pub(super) fn field(&self, wanted: &str) -> Option<String> {
        let mut fields = form_urlencoded::parse(&self.0);
        fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    }
}

impl Refusal {
    pub(super) fn form(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Form(why.into())
    }

    pub(super) fn answer(&self) -> Answer {
        match self {
            Self::Form(why) => refused(StatusCode::BAD_REQUEST, why),
            Self::Engine(error) => match error.source().and_then(|source| source.downcast_ref()) {
                Some(fault) => unmade(fault),
                None => refused(status_of(error), &error.to_string()),
            },
        }
    }
}

/// A change of the manifest that cannot be made. SDKs tell these apart by their words.
fn unmade(fault: &ManifestFault) -> Answer {
    let named = |path: &str| match path.split_once('.') {
        Some((scope, name)) => format!(r#"Collection with name "{name}" in scope "{scope}""#),
        None => format!(r#"Scope with name "{path}""#),
    };
    match fault {
        ManifestFault::Exists(path) => {
            refused(StatusCode::BAD_REQUEST, &format!("{} already exists", named(path)))
        }
        ManifestFault::UnknownScope(path) | ManifestFault::UnknownCollection(path) => {
            refused(StatusCode::NOT_FOUND, &format!("{} is not found", named(path)))
        }
        other => refused(StatusCode::BAD_REQUEST, &other.to_string()),
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

fn status_of(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::Misuse => StatusCode::BAD_REQUEST,
        ErrorKind::Closed | ErrorKind::Retry => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

//! The form that comes with a request, and how a change that it asks for is refused.

use super::answer::{Answer, refused};
use crate::error::{Error, ErrorKind};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use std::borrow::Cow;

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
    /// The form that comes with a request.
    pub(super) async fn of(request: Request<Incoming>) -> Result<Self, Refusal> {
        match Limited::new(request.into_body(), FORM_BYTES_MAX).collect().await {
            Ok(body) => Ok(Self(body.to_bytes().to_vec())),
            Err(error) => Err(Refusal::form(format!("the form cannot be read: {error}"))),
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
            Self::Engine(error) => refused(status_of(error), &error.to_string()),
        }
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

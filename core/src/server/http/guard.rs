//! Who may ask: the users of the other port.

use crate::server::auth::Plain;
use crate::server::shared::Shared;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Request;
use hyper::header::AUTHORIZATION;

/// The name that a request is made in; `None` if it may not be made.
pub(super) fn user<B>(shared: &Shared, request: &Request<B>) -> Option<String> {
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        return (!shared.needs_login()).then(|| "anybody".to_owned());
    };
    let (scheme, given) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let given = BASE64.decode(given.trim()).ok()?;
    let at = given.iter().position(|&byte| byte == b':')?;
    let (name, password) = (&given[..at], &given[at + 1..]);
    let enters = Plain::new(name, password).is_one_of(&shared.settings.users);
    enters.then(|| String::from_utf8_lossy(name).into_owned())
}

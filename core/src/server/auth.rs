//! Logging in.

use super::call::{Call, Stop};
use super::scram::{Exchange, Failed, Mechanism};
use super::settings::User;
use super::setup::{done, refuse_on_dcp};
use super::status::Refused;
use crate::limits::AUTH_FAILURES_MAX;
use crate::types::Datatype;
use crate::wire::kv::{SaslAuth, SaslListMechs};
use crate::wire::{FrameLimits, Response, Status};

/// The mechanism that sends the password as it is.
const PLAIN: &str = "PLAIN";

/// `20` SASL_LIST_MECHS: the names, with one space between.
pub(super) fn sasl_list_mechs(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    SaslListMechs::parse(call.frame)?;
    let names: Vec<&str> =
        Mechanism::ALL.iter().map(|mechanism| mechanism.name()).chain([PLAIN]).collect();
    answer(call, Status::SUCCESS, names.join(" ").as_bytes());
    Ok(())
}

/// `21` SASL_AUTH. It begins anew, whatever was under way.
pub(super) fn sasl_auth(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = SaslAuth::parse(call.frame)?;
    refuse_on_dcp(call)?;
    // Who fails now is nobody, whoever it was before.
    (call.peer.login, call.peer.user) = (None, None);
    if request.mechanism == PLAIN.as_bytes() {
        let plain = Plain::parse(request.data);
        if plain.is_some_and(|plain| plain.is_one_of(&call.shared.settings.users)) {
            entered(call, plain.map(|plain| plain.user).unwrap_or_default());
            return done(call);
        }
        return failed(call);
    }
    let Some(mechanism) = Mechanism::of_name(request.mechanism) else {
        // Not counted as a failure: clients try one mechanism after the other.
        let why = "there is no such mechanism; SASL_LIST_MECHS names those there are";
        return Err(Refused::new(Status::AUTH_ERROR, why).into());
    };
    match Exchange::begin(&call.shared.accounts, mechanism, request.data) {
        Ok((exchange, first)) => {
            call.peer.login = Some(exchange);
            answer(call, Status::AUTH_CONTINUE, &first);
            Ok(())
        }
        Err(malformed) => Err(Refused::new(Status::EINVAL, malformed.0).into()),
    }
}

/// `22` SASL_STEP: the second step of SCRAM. Right or wrong, it is the last.
pub(super) fn sasl_step(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = SaslAuth::parse(call.frame)?;
    refuse_on_dcp(call)?;
    let Some(exchange) = call.peer.login.take() else {
        return Err(Refused::new(Status::EINVAL, "no authentication is under way").into());
    };
    if !exchange.is_by(request.mechanism) {
        let why = "the authentication that is under way is by another mechanism";
        return Err(Refused::new(Status::EINVAL, why).into());
    }
    let user = exchange.user().to_vec();
    match exchange.finish(request.data) {
        Ok(last) => {
            entered(call, &user);
            answer(call, Status::SUCCESS, &last);
            Ok(())
        }
        Err(Failed::Malformed(malformed)) => Err(Refused::new(Status::EINVAL, malformed.0).into()),
        Err(Failed::Wrong) => failed(call),
    }
}

fn answer(call: &mut Call<'_, '_>, status: Status, value: &[u8]) {
    Response::to(call.frame.header(), status).value(Datatype::RAW, value).encode(call.out());
}

fn entered(call: &mut Call<'_, '_>, user: &[u8]) {
    call.peer.user = Some(String::from_utf8_lossy(user).into_owned());
    call.peer.login_by = None;
    call.reader.set_limits(FrameLimits::AFTER_AUTH);
}

/// A wrong password: so many are tried, no more.
fn failed(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    call.peer.login_failures += 1;
    let refused = Refused::from(Status::AUTH_ERROR);
    if call.peer.login_failures < AUTH_FAILURES_MAX {
        return Err(refused.into());
    }
    tracing::info!("a client was disconnected: too many wrong passwords");
    let json = call.peer.json();
    refused.encode(call.frame.header(), json, call.out());
    Err(Stop::Close)
}

/// What PLAIN sends: on whose behalf, who, password, with NULs between.
#[derive(Clone, Copy)]
pub(super) struct Plain<'a> {
    user: &'a [u8],
    password: &'a [u8],
}

impl<'a> Plain<'a> {
    /// A name and a password.
    pub(super) fn new(user: &'a [u8], password: &'a [u8]) -> Self {
        Self { user, password }
    }

    /// `None` if it is none, or somebody wants to act for somebody else.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        // One client ends it with a further NUL.
        let data = if data.iter().filter(|&&byte| byte == 0).count() == 3 {
            data.strip_suffix(&[0])?
        } else {
            data
        };
        let mut parts = data.split(|&byte| byte == 0);
        let (on_behalf_of, user, password) = (parts.next()?, parts.next()?, parts.next()?);
        let plain = parts.next().is_none() && (on_behalf_of.is_empty() || on_behalf_of == user);
        plain.then_some(Self { user, password })
    }

    /// Whether somebody may log in so. Looks at every user, so that its time does not tell which there are.
    pub(super) fn is_one_of(self, users: &[User]) -> bool {
        let mut found = users.is_empty();
        for user in users {
            let name = user.name.as_bytes() == self.user;
            found |= user.password.matches(self.password) & name;
        }
        found
    }
}

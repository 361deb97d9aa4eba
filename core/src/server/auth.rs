//! Logging in.

use super::call::{Call, Stop};
use super::settings::User;
use super::setup::{done, refuse_on_dcp};
use super::status::Refused;
use crate::limits::AUTH_FAILURES_MAX;
use crate::types::Datatype;
use crate::wire::kv::{SaslAuth, SaslListMechs};
use crate::wire::{FrameLimits, Response, Status};

/// The mechanisms, with one space between.
const MECHANISMS: &str = "PLAIN";

/// `20` SASL_LIST_MECHS.
pub(super) fn sasl_list_mechs(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    SaslListMechs::parse(call.frame)?;
    let answer = Response::to(call.frame.header(), Status::SUCCESS);
    answer.value(Datatype::RAW, MECHANISMS.as_bytes()).encode(call.out());
    Ok(())
}

/// `21` SASL_AUTH.
pub(super) fn sasl_auth(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = SaslAuth::parse(call.frame)?;
    refuse_on_dcp(call)?;
    if request.mechanism != MECHANISMS.as_bytes() {
        // Not counted as a failure: clients try one mechanism after the other.
        let why = "there is no such mechanism; SASL_LIST_MECHS names those there are";
        return Err(Refused::new(Status::AUTH_ERROR, why).into());
    }
    let plain = Plain::parse(request.data);
    if plain.is_some_and(|plain| plain.is_one_of(&call.shared.settings.users)) {
        call.peer.login_by = None;
        call.reader.set_limits(FrameLimits::AFTER_AUTH);
        return done(call);
    }
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

/// `22` SASL_STEP: the one mechanism has no second step.
pub(super) fn sasl_step(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    SaslAuth::parse(call.frame)?;
    refuse_on_dcp(call)?;
    Err(Refused::new(Status::EINVAL, "no authentication is under way").into())
}

/// What PLAIN sends: on whose behalf, who, password, with NULs between.
#[derive(Clone, Copy)]
pub(super) struct Plain<'a> {
    user: &'a [u8],
    password: &'a [u8],
}

impl<'a> Plain<'a> {
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

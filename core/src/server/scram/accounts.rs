//! What the server keeps of each password: enough to check a proof, not enough to make one.

use super::Mechanism;
use crate::error::{Error, ErrorKind, Result};
use crate::server::settings::User;
use core::fmt;
use core::num::NonZeroU32;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};

/// How often a password is hashed: what RFC 5802 asks for at least, and what clients of this protocol meet elsewhere.
pub(super) const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("not zero");
/// Without users, whoever uses this password may enter: SCRAM cannot do without one that both sides know.
const PASSWORD_OF_ANYBODY: &[u8] = b"password";
const SALT_BYTES: usize = 16;

/// What the server keeps of each password.
pub(in crate::server) struct Accounts {
    /// Salts are made with it, so that a user who does not exist has one too, and the same one each time.
    secret: hmac::Key,
    known: Known,
}

enum Known {
    /// Nobody is known: every name has the same password.
    Anybody(Box<[Keys; 3]>),
    Users(Vec<(Box<[u8]>, [Keys; 3])>),
}

/// What a proof by one mechanism is checked with.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) stored: digest::Digest,
    pub(super) server: hmac::Key,
    pub(super) salt: Vec<u8>,
}

impl Accounts {
    /// Hashes every password, with new salts.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the system has no random numbers.
    pub(in crate::server) fn new(users: &[User]) -> Result<Self> {
        let secret = hmac::Key::new(hmac::HMAC_SHA512, &random::<32>()?);
        let keys = |name: &[u8], password: &[u8]| {
            Mechanism::ALL
                .map(|mechanism| Keys::new(mechanism, password, salt(&secret, mechanism, name)))
        };
        let known = if users.is_empty() {
            Known::Anybody(Box::new(keys(b"", PASSWORD_OF_ANYBODY)))
        } else {
            let of = |user: &User| {
                let name = user.name.as_bytes();
                (name.into(), keys(name, user.password.bytes()))
            };
            Known::Users(users.iter().map(of).collect())
        };
        Ok(Self { secret, known })
    }

    /// The keys of a name; `None` beside the salt if nobody has it.
    pub(super) fn of(&self, mechanism: Mechanism, name: &[u8]) -> (Vec<u8>, Option<Keys>) {
        let keys = match &self.known {
            Known::Anybody(keys) => Some(&**keys),
            Known::Users(users) => users.iter().find(|user| *user.0 == *name).map(|user| &user.1),
        };
        match keys {
            Some(keys) => {
                let keys = keys[mechanism as usize].clone();
                (keys.salt.clone(), Some(keys))
            }
            None => (salt(&self.secret, mechanism, name), None),
        }
    }
}

/// Without anything that is secret.
impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accounts(..)")
    }
}

impl Keys {
    pub(super) fn new(mechanism: Mechanism, password: &[u8], salt: Vec<u8>) -> Self {
        let salted = mechanism.salted(password, &salt);
        let client = hmac::sign(&salted, b"Client Key");
        let server = hmac::sign(&salted, b"Server Key");
        let stored = mechanism.hash(client.as_ref());
        Self { stored, server: mechanism.key(server.as_ref()), salt }
    }
}

/// Random bytes of the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(Error::new(ErrorKind::Unavailable, "the system has no random numbers")),
    }
}

fn salt(secret: &hmac::Key, mechanism: Mechanism, name: &[u8]) -> Vec<u8> {
    let tag = hmac::sign(secret, &[mechanism.name().as_bytes(), b"\0", name].concat());
    tag.as_ref()[..SALT_BYTES].to_vec()
}

//! One login: two messages from the client, two answers.

use super::accounts::{Accounts, ITERATIONS, Keys, random};
use super::mechanism::Mechanism;
use crate::server::settings::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use core::fmt;
use ring::hmac;

/// A login whose first message was answered.
pub(in crate::server) struct Exchange {
    mechanism: Mechanism,
    user: Vec<u8>,
    /// `None`: nobody has that name, so that no proof is right.
    keys: Option<Keys>,
    /// What the client's last message has to begin with, up to the proof.
    final_start: Vec<u8>,
    /// The client's first message without its header, and our answer.
    so_far: Vec<u8>,
}

/// A message that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Malformed(pub(in crate::server) &'static str);

/// Why a login ended without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Failed {
    Malformed(Malformed),
    /// The password is wrong, the nonce is not the one that was given, or nobody has the name.
    Wrong,
}

/// Random bytes in the server's part of a nonce.
const NONCE_BYTES: usize = 18;

impl Exchange {
    /// Takes the client's first message: the login, and the answer.
    pub(in crate::server) fn begin(
        accounts: &Accounts,
        mechanism: Mechanism,
        first: &[u8],
    ) -> Result<(Self, Vec<u8>), Malformed> {
        let First { header, bare, user, nonce } = First::parse(first)?;
        let (salt, keys) = accounts.of(mechanism, &user);
        let ours = random::<NONCE_BYTES>().map_err(|_| Malformed("there are no random numbers"))?;
        let nonce = [nonce, BASE64.encode(ours).as_bytes()].concat();
        let answer =
            [b"r=", &*nonce, format!(",s={},i={ITERATIONS}", BASE64.encode(salt)).as_bytes()]
                .concat();
        let final_start = [b"c=", BASE64.encode(header).as_bytes(), b",r=", &nonce].concat();
        let so_far = [bare, b",", &answer].concat();
        Ok((Self { mechanism, user, keys, final_start, so_far }, answer))
    }

    /// Who wants to log in.
    pub(in crate::server) fn user(&self) -> &[u8] {
        &self.user
    }

    /// Whether it is by this mechanism.
    pub(in crate::server) fn is_by(&self, mechanism: &[u8]) -> bool {
        self.mechanism.name().as_bytes() == mechanism
    }

    /// Takes the client's last message: the answer, if the client has proved that it knows the password.
    pub(in crate::server) fn finish(self, last: &[u8]) -> Result<Vec<u8>, Failed> {
        let malformed = |what| Failed::Malformed(Malformed(what));
        let at = rfind(last, b",p=").ok_or(malformed("the last message has no proof"))?;
        let (start, proof) = (&last[..at], &last[at + 3..]);
        let proof = BASE64.decode(proof).map_err(|_| malformed("the proof is not base64"))?;
        let keys = self.keys.ok_or(Failed::Wrong)?;
        if start != self.final_start {
            return Err(Failed::Wrong);
        }
        let message = [&*self.so_far, b",", start].concat();
        let stored = self.mechanism.key(keys.stored.as_ref());
        let signature = hmac::sign(&stored, &message);
        if proof.len() != signature.as_ref().len() {
            return Err(Failed::Wrong);
        }
        let client_key: Vec<u8> =
            proof.iter().zip(signature.as_ref()).map(|(proof, sign)| proof ^ sign).collect();
        let theirs = self.mechanism.hash(&client_key);
        if !Secret::new(keys.stored.as_ref()).matches(theirs.as_ref()) {
            return Err(Failed::Wrong);
        }
        let signature = hmac::sign(&keys.server, &message);
        Ok(format!("v={}", BASE64.encode(signature)).into_bytes())
    }
}

/// Without anything that is secret.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

/// The client's first message: `n,,n=USER,r=NONCE`.
struct First<'a> {
    /// `n,,`, or with `y` or a name to act for.
    header: &'a [u8],
    bare: &'a [u8],
    user: Vec<u8>,
    nonce: &'a [u8],
}

impl<'a> First<'a> {
    fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut parts = message.splitn(5, |&byte| byte == b',');
        let mut part = || parts.next().ok_or(Malformed("the first message is cut short"));
        let (binding, behalf, user, nonce) = (part()?, part()?, part()?, part()?);
        if !matches!(binding, b"n" | b"y") {
            return Err(Malformed("channel binding is not supported"));
        }
        let user = user.strip_prefix(b"n=").ok_or(Malformed("there is no name"))?;
        if !behalf.is_empty() && behalf.strip_prefix(b"a=") != Some(user) {
            return Err(Malformed("nobody acts for somebody else here"));
        }
        let nonce = nonce.strip_prefix(b"r=").filter(|nonce| !nonce.is_empty());
        let nonce = nonce.ok_or(Malformed("there is no nonce"))?;
        // Behind the nonce there may be extensions; none that has to be understood is.
        let (header, bare) = message.split_at(binding.len() + behalf.len() + 2);
        Ok(Self { header, bare, user: unescaped(user)?, nonce })
    }
}

/// A name with its commas and equals signs as they are.
fn unescaped(name: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'=' {
            plain.push(byte);
            continue;
        }
        plain.push(match rest.get(..2) {
            Some(b"2C") => b',',
            Some(b"3D") => b'=',
            _ => return Err(Malformed("an equals sign in a name is written =3D")),
        });
        rest = &rest[2..];
    }
    Ok(plain)
}

fn rfind(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).rposition(|window| window == what)
}

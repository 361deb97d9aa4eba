//! The three hashes that SCRAM is used with.

use ring::{digest, hmac, pbkdf2};

/// A hash to use SCRAM with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Mechanism {
    Sha512,
    Sha256,
    Sha1,
}

impl Mechanism {
    /// All of them, the strongest first.
    pub(in crate::server) const ALL: [Self; 3] = [Self::Sha512, Self::Sha256, Self::Sha1];

    /// Its name on the wire.
    pub(in crate::server) const fn name(self) -> &'static str {
        match self {
            Self::Sha512 => "SCRAM-SHA512",
            Self::Sha256 => "SCRAM-SHA256",
            Self::Sha1 => "SCRAM-SHA1",
        }
    }

    pub(in crate::server) fn of_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().as_bytes() == name)
    }

    fn hmac_algorithm(self) -> hmac::Algorithm {
        match self {
            Self::Sha512 => hmac::HMAC_SHA512,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        }
    }

    fn digest_algorithm(self) -> &'static digest::Algorithm {
        self.hmac_algorithm().digest_algorithm()
    }

    pub(super) fn key(self, bytes: &[u8]) -> hmac::Key {
        hmac::Key::new(self.hmac_algorithm(), bytes)
    }

    pub(super) fn hash(self, bytes: &[u8]) -> digest::Digest {
        digest::digest(self.digest_algorithm(), bytes)
    }

    /// The password, made costly to guess.
    pub(super) fn salted(self, password: &[u8], salt: &[u8]) -> hmac::Key {
        let algorithm = match self {
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        };
        let mut salted = vec![0; self.digest_algorithm().output_len()];
        pbkdf2::derive(algorithm, super::accounts::ITERATIONS, salt, password, &mut salted);
        self.key(&salted)
    }
}

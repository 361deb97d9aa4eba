//! How a connection is made.

use crate::tls::TlsTrust;
use crate::wire::{Feature, FeatureSet};
use core::fmt;
use core::time::Duration;

/// How a connection is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectSettings {
    /// Host and port.
    pub address: String,
    /// Who to be; `None` to stay anonymous.
    pub credentials: Option<Credentials>,
    /// The bucket to use; `None` for none.
    pub bucket: Option<String>,
    /// What the server is asked to grant.
    pub features: FeatureSet,
    /// What the client calls itself.
    pub agent: String,
    /// How long each step, and later each answer, may take.
    pub timeout: Duration,
    /// Whom to believe on an encrypted connection; `None` for one that is not encrypted.
    pub tls: Option<TlsTrust>,
}

/// A user and a password. `Debug` keeps the password to itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl ConnectSettings {
    /// What is asked for unless told otherwise. Without collections keys are plain; without Snappy so are
    /// values.
    pub const FEATURES: FeatureSet = FeatureSet::of(&[
        Feature::MUTATION_SEQNO,
        Feature::XATTR,
        Feature::XERROR,
        Feature::SELECT_BUCKET,
        Feature::JSON,
        Feature::ALT_REQUEST,
    ]);

    /// A connection to this host and port (`host:11210`), anonymous, for this bucket, with ten seconds for
    /// each step.
    #[must_use]
    pub fn new(address: impl Into<String>, bucket: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            credentials: None,
            bucket: Some(bucket.into()),
            features: Self::FEATURES,
            agent: concat!("millstream/", env!("CARGO_PKG_VERSION")).into(),
            timeout: Duration::from_secs(10),
            tls: None,
        }
    }

    /// With this user and password.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some(Credentials { user: user.into(), password: password.into() });
        self
    }

    /// With these features instead of [`ConnectSettings::FEATURES`].
    #[must_use]
    pub fn features(mut self, features: FeatureSet) -> Self {
        self.features = features;
        self
    }

    /// Encrypted, if this is whom to believe.
    #[must_use]
    pub fn tls(mut self, trust: TlsTrust) -> Self {
        self.tls = Some(trust);
        self
    }

    /// With another time for each step.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

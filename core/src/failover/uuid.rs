//! Names for new branches of history.

use crate::types::VbUuid;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A random uuid of 48 bits, never 0.
///
/// The randomness is that of the standard library's hash keys: seeded by the operating system once
/// for each thread, another key on each call. It tells branches apart; it is no secret.
pub fn random_uuid() -> VbUuid {
    loop {
        let bits = RandomState::new().build_hasher().finish() & UUID_MASK;
        if bits != 0 {
            return VbUuid(bits);
        }
    }
}

/// Clients written in languages whose numbers are doubles keep 48 bits exactly.
pub(super) const UUID_MASK: u64 = (1 << 48) - 1;

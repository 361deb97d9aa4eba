//! What tells a store from another.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A random number, never 0.
///
/// The randomness is that of the standard library's hash keys. It tells stores apart; it is no secret.
#[must_use]
pub fn random_identity() -> u128 {
    let half = || u128::from(RandomState::new().build_hasher().finish());
    loop {
        let drawn = half() << 64 | half();
        if drawn != 0 {
            return drawn;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::random_identity;
    use std::collections::HashSet;

    #[test]
    fn no_two_are_the_same() {
        let drawn: HashSet<u128> = (0..1000).map(|_| random_identity()).collect();
        assert_eq!(drawn.len(), 1000);
        assert!(drawn.iter().any(|it| it >> 64 != 0 && *it as u64 != 0), "all 128 bits are drawn");
    }
}

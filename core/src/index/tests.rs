use super::Index;
use super::key::{HASHED, IndexKey, SHORT_BYTES};
use core::borrow::Borrow;
use core::hash::BuildHasher;
use foldhash::fast::RandomState;

/// Around the length at which a key gets memory of its own.
fn keys() -> impl Iterator<Item = Vec<u8>> {
    let lengths = [0, 1, 8, SHORT_BYTES - 1, SHORT_BYTES, SHORT_BYTES + 1, 255, 256, 300];
    lengths.into_iter().map(|len| (0..len).map(|n| n as u8 ^ 0x5a).collect())
}

#[test]
fn a_key_is_its_bytes() {
    for key in keys() {
        let kept = IndexKey::from(&key[..]);
        assert_eq!(kept.as_bytes(), key);
        let apart = if matches!(kept, IndexKey::Long(_)) { key.len() } else { 0 };
        assert_eq!(IndexKey::bytes_apart(&key), apart);
    }
}

#[test]
fn a_key_is_found_by_its_bytes() {
    let hasher = RandomState::default();
    for key in keys() {
        let kept = IndexKey::from(&key[..]);
        let borrowed: &[u8] = kept.borrow();
        assert_eq!(hasher.hash_one(&kept), hasher.hash_one(&key[..]));
        assert_eq!(hasher.hash_one(&kept), hasher.hash_one(borrowed));
        assert_eq!(kept, IndexKey::from(borrowed));
    }
}

#[test]
fn keys_that_differ_in_length_alone_are_two() {
    assert_ne!(IndexKey::from(&[0; 4][..]), IndexKey::from(&[0; 5][..]));
    assert_ne!(IndexKey::from(&[0; SHORT_BYTES][..]), IndexKey::from(&[0; SHORT_BYTES + 1][..]));
}

/// Growing left every smaller table in place, full of keys: nobody moved them, and each look at a key went through all
/// those tables. Whoever adds keys moves some.
#[test]
fn keys_are_moved_out_of_a_table_that_became_too_small() {
    const KEYS: usize = 4096;
    let index = Index::new();
    HASHED.set(0);
    for n in 0..KEYS {
        index.with(&n.to_be_bytes(), |_| ());
    }
    let moved = HASHED.get() - KEYS;
    assert!(moved >= KEYS / 2, "{moved} moves of {KEYS} keys");
}

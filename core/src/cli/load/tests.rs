use super::writer::forget_replaced;
use crate::cli::input::Document;

/// Documents with one-letter keys.
fn documents(keys: &str) -> Vec<Document> {
    let document = |(at, key): (usize, char)| Document {
        line: at as u64 + 1,
        key: key.to_string().into_bytes(),
        value: b"{}".to_vec(),
    };
    keys.chars().enumerate().map(document).collect()
}

/// What is offered again of the failed ones, and how many are not.
fn kept(keys: &str, mut failed: Vec<usize>) -> (Vec<usize>, u64) {
    let replaced = forget_replaced(&mut failed, &documents(keys));
    (failed, replaced)
}

#[test]
fn what_failed_is_offered_again_in_order() {
    assert_eq!(kept("abcd", vec![2, 0]), (vec![0, 2], 0));
    assert_eq!(kept("abcd", vec![]), (vec![], 0));
}

/// An older version that is written again after a newer one would replace it.
#[test]
fn what_was_replaced_further_on_is_not_offered_again() {
    assert_eq!(kept("abca", vec![0]), (vec![], 1), "the newer one was written");
    assert_eq!(kept("abca", vec![0, 3]), (vec![3], 1), "the newer one failed too");
    assert_eq!(kept("aab", vec![0, 1, 2]), (vec![1, 2], 1));
    assert_eq!(
        kept("aba", vec![1, 2]),
        (vec![1, 2], 0),
        "the older one was written, and is replaced"
    );
}

//! A value that one thread at a time may use.

use loom::thread;
use millstream::model::Exclusive;
use millstream_models::Model;
use std::sync::Arc;

/// Two that want it, several times: never both, and the second sees what the first left (a race on the value is what
/// loom reports).
#[test]
fn two_claims() {
    Model::new("exclusive::two_claims", 3).floor(2600).check(|| {
        let value = Arc::new(Exclusive::new(0_u32));
        let use_it = |value: &Exclusive<u32>| match value.claim() {
            Some(mut claim) => {
                *claim += 1;
                1
            }
            None => 0,
        };
        let others = [(); 2].map(|()| {
            let value = Arc::clone(&value);
            thread::spawn(move || use_it(&value))
        });
        let uses = use_it(&value) + use_it(&value);
        let uses = uses + others.map(|other| other.join().unwrap()).iter().sum::<u32>();
        assert!(uses >= 1, "somebody had it");
        assert_eq!(*value.claim().expect("nobody has it"), uses);
    });
}

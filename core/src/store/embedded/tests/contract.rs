//! The contract suite over the embedded store.

use super::Folders;
use crate::store::suite::{self, Size};

#[test]
fn keeps_the_contract() {
    let report = suite::run(&mut Folders::new());
    println!("{report}");
    assert!(report.is_kept(), "{report}");
    assert!(report.left_out.is_empty(), "left out: {:?}", report.left_out);
}

#[test]
fn agrees_with_the_model() {
    let tally = suite::random(&mut Folders::new(), 38_521, Size { sequences: 300, steps: 60 });
    println!("{:?}", tally.unwrap());
}

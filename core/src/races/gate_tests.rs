//! The gates themselves: a check of races is worth what these are.

use super::gate::{Hold, Party, Point, pass};
use std::sync::mpsc::channel;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(20);

#[test]
fn an_unarmed_gate_lets_everybody_pass() {
    let hold = Hold::at(Point::TookBit);
    pass(Point::TookBit);
    Party::start("unarmed", &[], || pass(Point::TookBit)).finish();
    Party::start("armed elsewhere", &[&hold], || pass(Point::ClearedSummary)).finish();
    assert!(!hold.is_holding());
}

#[test]
fn an_armed_gate_holds_exactly_its_thread_and_once() {
    let hold = Hold::at(Point::TookBit);
    let (sender, passed) = channel();
    let party = Party::start("held", &[&hold], move || {
        sender.send("before").expect("the test listens");
        pass(Point::TookBit);
        sender.send("after").expect("the test listens");
        pass(Point::TookBit);
        sender.send("again").expect("the test listens");
    });
    hold.arrived();
    assert!(hold.is_holding());
    assert_eq!(passed.try_iter().collect::<Vec<_>>(), ["before"], "it is at the gate");
    pass(Point::TookBit);
    Party::start("another", &[], || pass(Point::TookBit)).finish();
    assert!(hold.is_holding(), "others pass meanwhile");
    hold.release();
    party.finish();
    assert_eq!(passed.try_iter().collect::<Vec<_>>(), ["after", "again"]);
    assert!(!hold.is_holding());
}

#[test]
fn two_holds_at_one_point_hold_twice() {
    let (first, second) = (Hold::at(Point::HoldsSlot), Hold::at(Point::HoldsSlot));
    let party = Party::start("twice", &[&first, &second], || {
        pass(Point::HoldsSlot);
        pass(Point::HoldsSlot);
    });
    first.arrived();
    assert!(!second.is_holding());
    first.release();
    second.arrived();
    drop(second);
    party.finish();
}

#[test]
fn a_hold_that_was_released_before_does_not_hold() {
    let hold = Hold::at(Point::HoldsSlot);
    hold.release();
    Party::start("late", &[&hold], || pass(Point::HoldsSlot)).finish();
}

#[test]
#[should_panic(expected = "nobody came to HoldsRoster")]
fn a_missed_arrival_fails_with_the_name() {
    Hold::new("HoldsRoster".into(), Some(Point::HoldsRoster), SHORT).arrived();
}

#[test]
#[should_panic(expected = "nobody released who was held at HoldsRoster")]
fn a_missed_release_fails_with_the_name() {
    let hold = Hold::new("HoldsRoster".into(), Some(Point::HoldsRoster), SHORT);
    Party::start("forgotten", &[&hold], || pass(Point::HoldsRoster)).finish();
}

#[test]
#[should_panic(expected = "a party that fails")]
fn a_partys_panic_is_the_tests() {
    Party::start("failing", &[], || panic!("a party that fails")).finish();
}

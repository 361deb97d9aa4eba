//! H: the roster of connections.

use super::gate::{Hold, Party, Point};
use super::scene::{Client, Inbox, engine, settle, states};
use super::store::SeamStore;
use crate::producer::{Departure, OpenOptions, Step};
use crate::stream::StreamState;
use crate::types::{EndReason, VbId, VbState};

/// Two connections of one name come at once: the newer one stays, the older one is closed, whichever is added first.
/// (Each used to look for namesakes before it was added, so that neither saw the other and both stayed.)
#[test]
fn h1_two_namesakes_at_once() {
    for point in [Point::ConnectionMade, Point::ConnectionAdded] {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        let held = Hold::at(point);
        let older = Party::start("older", &[&held], {
            let engine = engine.clone();
            move || engine.connect("same", OpenOptions::default()).expect("a connection")
        });
        held.arrived();
        let mut newer = Client::connect(&engine, "same");
        assert!(held.is_holding() && !newer.handle().is_closed());
        held.release();
        let mut older = Client { producer: older.finish(), inbox: Inbox::default() };
        let snapshots = engine.connections();
        let open: Vec<_> = snapshots.iter().filter(|c| !c.pending_disconnect).collect();
        assert_eq!((snapshots.len(), open.len()), (2, 1), "{point:?}: one of them lives");
        assert_eq!(open[0].id, snapshots[1].id, "the newer one");
        assert_eq!(older.step(), Step::Gone(Departure::Closed));
        newer.open(0);
        assert_eq!(newer.step(), Step::Idle);
        let watch = newer.watch();
        drop((older, newer));
        settle(engine, &[watch]);
    }
}

/// A connection leaves the roster when a newcomer of its name is in it already: it takes out itself, and the newcomer
/// is found by a change of state.
#[test]
fn h3_who_leaves_takes_out_itself() {
    let store = SeamStore::empty(1);
    let engine = engine(&store);
    let older = Client::connect(&engine, "same");
    let old_watch = older.watch();
    let leaves = Hold::at(Point::OwnerLeaves);
    let leaving = Party::start("older", &[&leaves], move || drop(older));
    leaves.arrived();
    let mut newer = Client::connect(&engine, "same");
    let new_watch = newer.watch();
    newer.open(0);
    assert_eq!(engine.connections().len(), 2);
    assert!(leaves.is_holding());
    leaves.release();
    leaving.finish();
    let [left] = &engine.connections()[..] else { panic!("one is left") };
    assert!(!left.pending_disconnect, "the newer one");
    engine.set_vbucket_state(VbId(0), VbState::Replica).expect("exists");
    assert_eq!(states(&engine, "same"), [StreamState::Dead(EndReason::StateChanged)]);
    newer.run_until("the end", |inbox| !inbox.ends(0).is_empty());
    drop(newer);
    settle(engine, &[old_watch, new_watch]);
}

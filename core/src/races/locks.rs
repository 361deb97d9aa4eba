//! D: inversions of locks. There are none here to invert; each test has one party in the middle of what used to
//! hold the first lock and sees the other, which used to want it, go right through.

use super::gate::{Hold, Party, Point};
use super::scene::{Client, engine, has_manager, settle, states};
use super::store::SeamStore;
use crate::engine::Engine;
use crate::producer::{Departure, OpenOptions, Step};
use crate::stream::StreamState;
use crate::types::{EndReason, VbId, VbState};

fn change(engine: &Engine, holds: &[&Hold]) -> Party<()> {
    let engine = engine.clone();
    Party::start("state change", holds, move || {
        engine.set_vbucket_state(VbId(0), VbState::Replica).expect("exists");
    })
}

/// A disconnect (connections, then streams) and a change of state (vbucket, then connections) cross, each in the
/// middle of the other.
#[test]
fn d1_a_disconnect_and_a_change_of_state_cross() {
    for point in [Point::StatePublished, Point::HoldsRoster, Point::HoldsSlot] {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        let mut client = Client::connect(&engine, "c");
        let (watch, handle) = (client.watch(), client.handle());
        client.open(0);
        let held = Hold::at(point);
        let changing = change(&engine, &[&held]);
        held.arrived();
        let ended = Party::start("disconnect", &[], move || {
            let ended = handle.close_all();
            drop(client);
            ended
        });
        assert_eq!(ended.finish(), 1, "{point:?}: it ended the stream, first");
        assert!(held.is_holding() && engine.connections().is_empty());
        held.release();
        changing.finish();
        assert_eq!(engine.vbucket(VbId(0)).expect("exists").state, VbState::Replica);
        settle(engine, &[watch]);
    }
    for point in [Point::CloserEndedStreams, Point::OwnerLeaves] {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        let mut client = Client::connect(&engine, "c");
        let watch = client.watch();
        client.open(0);
        let held = Hold::at(point);
        let leaving = Party::start("disconnect", &[&held], move || drop(client));
        held.arrived();
        change(&engine, &[]).finish();
        assert!(held.is_holding());
        assert_eq!(engine.vbucket(VbId(0)).expect("exists").state, VbState::Replica);
        let disconnected = StreamState::Dead(EndReason::Disconnected);
        assert_eq!(states(&engine, "c"), [disconnected], "{point:?}: the first reason");
        held.release();
        leaving.finish();
        assert!(engine.connections().is_empty());
        settle(engine, &[watch]);
    }
}

/// A newcomer closes its namesake and a change of state comes for the namesake's streams, each in the middle of the
/// other.
#[test]
fn d2_a_namesake_and_a_change_of_state_cross() {
    for newcomer_is_held in [true, false] {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        let mut older = Client::connect(&engine, "same");
        let watch = older.watch();
        older.open(0);
        let connect = {
            let engine = engine.clone();
            move || engine.connect("same", OpenOptions::default()).expect("a connection")
        };
        let reason = if newcomer_is_held {
            // It has the roster in hand, and closes the namesake next.
            let held = Hold::at(Point::HoldsRoster);
            let connecting = Party::start("newcomer", &[&held], connect);
            held.arrived();
            change(&engine, &[]).finish();
            assert!(held.is_holding() && has_manager(&engine, "same"));
            held.release();
            drop(connecting.finish());
            EndReason::StateChanged
        } else {
            let held = Hold::at(Point::StatePublished);
            let changing = change(&engine, &[&held]);
            held.arrived();
            drop(Party::start("newcomer", &[], connect).finish());
            assert!(held.is_holding());
            held.release();
            changing.finish();
            EndReason::Disconnected
        };
        assert_eq!(states(&engine, "same"), [StreamState::Dead(reason)], "the first reason");
        assert_eq!(older.handle().close_all(), 0, "it ended once");
        assert_eq!(older.step(), Step::Gone(Departure::Closed));
        drop(older);
        settle(engine, &[watch]);
    }
}

//! D: inversions of locks. There are none here to invert; each test has one party in the middle of what used to
//! hold the first lock and sees the other, which used to want it, go right through.

use super::gate::{Hold, Party, Point};
use super::scene::{Client, engine, has_manager, settle, states};
use super::store::SeamStore;
use crate::engine::Engine;
use crate::producer::{Departure, OpenOptions, Step};
use crate::stream::StreamState;
use crate::types::{EndReason, VbId, VbState};

fn change(engine: &Engine, to: VbState, holds: &[&Hold]) -> Party<()> {
    let engine = engine.clone();
    Party::start("state change", holds, move || {
        engine.set_vbucket_state(VbId(0), to).expect("exists");
    })
}

/// Both ways: away from active, and to active, which also has the vbucket catch up with the manifest.
const CHANGES: [(VbState, VbState); 2] =
    [(VbState::Active, VbState::Replica), (VbState::Replica, VbState::Active)];

/// A disconnect (connections, then streams) and a change of state (vbucket, then connections) cross, each in the
/// middle of the other.
#[test]
fn d1_a_disconnect_and_a_change_of_state_cross() {
    let points = [Point::StatePublished, Point::HoldsRoster, Point::HoldsSlot];
    for (point, (from, to)) in points.into_iter().flat_map(|p| CHANGES.map(|change| (p, change))) {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        engine.set_vbucket_state(VbId(0), from).expect("exists");
        let mut client = Client::connect(&engine, "c");
        let (watch, handle) = (client.watch(), client.handle());
        client.open(0);
        let held = Hold::at(point);
        let changing = change(&engine, to, &[&held]);
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
        assert_eq!(engine.vbucket(VbId(0)).expect("exists").state, to);
        settle(engine, &[watch]);
    }
    let points = [Point::CloserEndedStreams, Point::OwnerLeaves];
    for (point, (from, to)) in points.into_iter().flat_map(|p| CHANGES.map(|change| (p, change))) {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        engine.set_vbucket_state(VbId(0), from).expect("exists");
        let mut client = Client::connect(&engine, "c");
        let watch = client.watch();
        client.open(0);
        let held = Hold::at(point);
        let leaving = Party::start("disconnect", &[&held], move || drop(client));
        held.arrived();
        change(&engine, to, &[]).finish();
        assert!(held.is_holding());
        assert_eq!(engine.vbucket(VbId(0)).expect("exists").state, to);
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
    for (newcomer_is_held, (from, to)) in
        [true, false].into_iter().flat_map(|held| CHANGES.map(|change| (held, change)))
    {
        let store = SeamStore::empty(1);
        let engine = engine(&store);
        engine.set_vbucket_state(VbId(0), from).expect("exists");
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
            change(&engine, to, &[]).finish();
            assert!(held.is_holding() && has_manager(&engine, "same"));
            held.release();
            drop(connecting.finish());
            EndReason::StateChanged
        } else {
            let held = Hold::at(Point::StatePublished);
            let changing = change(&engine, to, &[&held]);
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

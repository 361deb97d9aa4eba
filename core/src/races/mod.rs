//! The starred rows of the race catalogue (`docs/src/verification/race-catalogue.md`), each a test that carries its
//! number: it first shows the interleaving, with threads that are held at gates, and then that the engine survives it.
//!
//! A gate is a named [`Point`] in shipped code, which is there only when the crate tests itself. It holds a thread
//! for which a [`Hold`] was armed, and nobody else. Where shipped code calls out anyway (a store, a sink, a waker), the
//! test holds the thread there.
#![forbid(unsafe_code)]

mod gate;
mod gate_tests;
mod scene;
mod store;

mod backfills;
mod connections;
mod cursors;
mod flow;
mod locks;
mod panics;
mod states;
mod streams;
mod takeover;
mod teardown;
mod wakeups;

pub(crate) use gate::{Point, pass};

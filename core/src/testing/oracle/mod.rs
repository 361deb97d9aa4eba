//! A judge of what one connection streams.
//!
//! [`StreamOracle`] is fed every event of a connection, in the order in which the client gets them,
//! and knows what may follow what:
//!
//! - An event belongs to a stream that was accepted and has not ended; a stream is accepted again
//!   only after its end.
//! - The first marker of a stream starts at what the client has, or above; each later one above the
//!   end of the snapshot before it, which was complete: its last seqno was sent, or a
//!   seqno-advanced stood for it.
//! - *Cuts.* A snapshot may be given up half way, when what is left of it can no longer be sent as
//!   it was announced (newer versions took the place of some). The next marker then starts above
//!   the last seqno that was sent, inside the snapshot that is cut, and ends no earlier than that
//!   one did: at its end the client has a consistent state again, and had none in between: of a key
//!   that is newer towards the end it was not sent the older version. For the same reason the first
//!   snapshot of a stream that resumes in the middle of one ends no earlier than that one.
//!   [`forbid_cuts`](StreamOracle::forbid_cuts) makes cuts faults.
//! - Every seqno is above the one before it, in the snapshot that was announced, and not above the
//!   stream's end.
//! - No key comes twice in one snapshot, unless its marker says that it may.
//! - A stream that says it reached its end, or is left open at the end of the test, has no snapshot
//!   half way; one that ended for another reason may.
//!
//! - A seqno-advanced stands for everything up to its seqno: at a snapshot's end it completes the snapshot, inside one
//!   nothing at or below it may follow, and between two it is a snapshot of which nothing is shown.
//! - If the client [knows of collections](StreamOracle::with_collections), each key begins with the id of one that the
//!   stream was [asked for](StreamOracle::asked_for), has told of, and has not told is gone.
//!
//! With [`track_contents`](StreamOracle::track_contents) it also keeps what the client would have,
//! to be [compared](StreamOracle::compare) with what was written. A stream that is accepted again
//! further back forgets what it had above that, as a client does that obeys a rollback.
//!
//! ```
//! use millstream::testing::oracle::{Event, StreamKey, StreamOracle};
//! use millstream::types::{Cas, DocKind, Seqno, VbId};
//!
//! let mut oracle = StreamOracle::new();
//! let stream = StreamKey::of(VbId(3));
//! oracle.observe(stream, Event::Accepted { start: Seqno(0), end: Seqno::MAX, inside: None });
//! oracle.observe(stream, Event::Marker { start: Seqno(0), end: Seqno(2), flags: 1 });
//! for seqno in [1, 2] {
//!     oracle.observe(stream, Event::Document {
//!         seqno: Seqno(seqno),
//!         key: b"the same",
//!         value: b"",
//!         cas: Cas(seqno),
//!         flags: 0,
//!         kind: DocKind::Alive,
//!     });
//! }
//! let violations = oracle.finish().unwrap_err();
//! assert_eq!(
//!     violations.first[0].to_string(),
//!     "event 4, vb 3: key \"the same\" twice in snapshot 0 to 2, at 2",
//! );
//! ```

mod checker;
mod collections;
mod contents;
mod event;
mod stream;
#[cfg(test)]
mod tests;
mod violation;

pub use checker::{Report, StreamOracle};
pub use contents::Expected;
pub use event::{Event, Shows, StreamKey};
pub use violation::{Fault, Field, Range, Violation, Violations};

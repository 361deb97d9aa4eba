//! The lock baseline: the design that Millstream replaces, in Rust and as good as that design can be, run by the same
//! workloads in the same process. It is here to be beaten honestly.
//!
//! What is what, and the locks (all of them `std::sync`, hash maps with foldhash):
//!
//! | part | lock | holds |
//! |---|---|---|
//! | [`Bucket`] | mutex | connections by name |
//! | `VBucket` | reader-writer lock on its state, held through a write | checkpoint, keys, connections with a stream |
//! | `KeyTable` | 47 mutexes | newest version of each key |
//! | `Checkpoint` | mutex | items since, an index of its keys, the cursors of all streams |
//! | `Producer::close_lock` | mutex, held for the whole of `close_all` | |
//! | `Producer::backfills` | mutex around `Option<Arc<BackfillManager>>` | each look clones the `Arc` |
//! | `Producer::streams` | mutex | map from vbucket to `Arc<Stream>` |
//! | `Producer::ready` | mutex | vbuckets whose stream has something |
//! | `Producer::log` | mutex | flow control |
//! | `Stream` | mutex | state, messages that are ready, progress |
//! | `BackfillManager` | mutex | running backfills, bytes that are read ahead |
//!
//! A write takes a seqno under the checkpoint's lock, then tells each connection that has a stream: the stream is
//! flagged (by an exchange, so that only the first write after it was drained goes on), its vbucket is pushed to the
//! ready queue, the connection is woken. A step takes a vbucket from the ready queue, finds the stream, and takes one
//! message from it under its mutex; if there is none, the connection's checkpoint task moves what the stream's cursor
//! has not seen (a marker, and shared references to the items) into the stream's queue. The task runs on the stepping
//! thread here, so that its time counts and no hand-over does.
//!
//! What was done to be fair to it: items are shared, never copied; a lock is never held over a call that takes another
//! where the original does not either; cursors are numbers found by the stream's own id; the checkpoint is freed in
//! whole prefixes; the queues keep their room.

mod backfill;
mod bucket;
mod checkpoint;
mod connection;
mod item;
mod key_table;
mod producer;
mod ready;
mod stream;
mod vbucket;

pub use bucket::Bucket;
pub use connection::{Locked, LockedCloser, LockedConnection, LockedWriter};

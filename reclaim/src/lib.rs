//! Reclamation for published values: who tears a value down, when its last reader has left, and where its
//! destructor runs.
//!
//! | question | answered by |
//! |---|---|
//! | *who* wins the teardown | [`Published::retire`]: one exchange, one winner; everybody else finds the cell retired |
//! | is a reader's reference *valid* | arc-swap's load guard inside [`Live`] |
//! | *when* has the last reader left | a private epoch collector: every access happens inside a [`Pin`] |
//! | *where* do destructors run | the [`Reaper`], and nowhere else while it lives |
//!
//! # Example
//! ```
//! use millstream_reclaim::{Domain, DomainConfig};
//!
//! let (domain, mut reaper) = Domain::new(DomainConfig::default());
//! let manager = domain.publish(String::from("manager")).expect("an empty domain has no backlog");
//! let mut reader = domain.reader("example");
//! {
//!     let pin = reader.pin();
//!     let live = manager.get(&pin).expect("not retired yet");
//!     assert!(manager.retire(&pin), "one caller wins");
//!     assert!(!manager.retire(&pin), "and only one");
//!     assert_eq!(*live, "manager", "a reader that was inside keeps what it saw");
//!     assert!(manager.get(&pin).is_none(), "a new look finds it retired");
//! }
//! while reaper.reap().pending > 0 {}
//! assert_eq!(domain.stats().destroyed_total, 1);
//! ```
//!
//! # Rules that the compiler keeps
//! One pin at a time from one reader:
//! ```compile_fail,E0499
//! # use millstream_reclaim::{Domain, DomainConfig};
//! # let (domain, _reaper) = Domain::new(DomainConfig::default());
//! let mut reader = domain.reader("twice");
//! let first = reader.pin();
//! let second = reader.pin();
//! drop((first, second));
//! ```
//! A live value ends before its pin, even where both end with the same scope:
//! ```compile_fail,E0597
//! # use millstream_reclaim::{Domain, DomainConfig};
//! # let (domain, _reaper) = Domain::new(DomainConfig::default());
//! # let cell = domain.publish(7_u32).unwrap();
//! let mut reader = domain.reader("outlived");
//! let live;
//! let pin = reader.pin();
//! live = cell.get(&pin);
//! ```
//! and before its cell:
//! ```compile_fail,E0505
//! # use millstream_reclaim::{Domain, DomainConfig};
//! # let (domain, _reaper) = Domain::new(DomainConfig::default());
//! # let cell = domain.publish(7_u32).unwrap();
//! let mut reader = domain.reader("orphaned");
//! let pin = reader.pin();
//! let live = cell.get(&pin);
//! drop(cell);
//! drop(live);
//! ```
//! Neither may leave its thread:
//! ```compile_fail,E0277
//! fn is_send<T: Send>() {}
//! is_send::<millstream_reclaim::Pin<'static>>();
//! ```
//! ```compile_fail,E0277
//! fn is_send<T: Send>() {}
//! is_send::<millstream_reclaim::Live<'static, u32>>();
//! ```
//! so neither crosses an `.await` of a future that may move between threads:
//! ```compile_fail
//! # use millstream_reclaim::{Domain, DomainConfig};
//! fn spawn(_: impl Future + Send) {}
//! let (domain, _reaper) = Domain::new(DomainConfig::default());
//! spawn(async move {
//!     let mut reader = domain.reader("awaiting");
//!     let pin = reader.pin();
//!     std::future::ready(()).await;
//!     drop(pin);
//! });
//! ```
//! while a future that ends its pins before it waits may:
//! ```
//! # use millstream_reclaim::{Domain, DomainConfig};
//! fn spawn(_: impl Future + Send) {}
//! let (domain, _reaper) = Domain::new(DomainConfig::default());
//! spawn(async move {
//!     let mut reader = domain.reader("awaiting");
//!     drop(reader.pin());
//!     std::future::ready(()).await;
//!     drop(reader.pin());
//! });
//! ```
//! A value with a destructor is not plain memory:
//! ```compile_fail,E0080
//! # use millstream_reclaim::{Domain, DomainConfig};
//! # let (domain, _reaper) = Domain::new(DomainConfig::default());
//! let mut reader = domain.reader("plain");
//! reader.pin().free(Box::new(String::new()));
//! ```
#![deny(unsafe_code)]

mod cell;
mod domain;
mod guarded;
mod list;
mod reader;
mod reaper;
pub mod sync;

pub use cell::{Live, Published, ReplaceError};
pub use domain::{Backlogged, Domain, DomainConfig, DomainStats, Stalled};
pub use list::{Batch, PushList, Shelf};
pub use reader::{Pin, PooledReader, Reader};
pub use reaper::{Quiesce, Reaped, Reaper};

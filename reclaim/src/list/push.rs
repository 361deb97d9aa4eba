//! A list that any thread pushes to and any thread takes whole. Promise: what is taken comes in the order of the
//! pushes, each value once.
//!
//! # State
//!
//! ```text
//! head -> newest -> .. -> oldest -> null        `next` is an address, see I3
//! ```
//!
//! # Invariants
//! - I1. A node reachable from `head` is owned by the list; `take_all` moves the whole chain to its caller (drop
//!   counts in `tests.rs` and in model `push::two_pushers_one_taker`).
//! - I2. `next` is written only by the pusher before its exchange succeeds, and by the owner of a taken chain (loom's
//!   cell check in every model with a list).
//! - I3. A pusher may have read `head` before the node was taken and freed, and a new node at the same address may be
//!   the head when its exchange succeeds. The chain is right then, but the pointer it read belongs to the freed node.
//!   So links are addresses of exposed nodes, and following one names the node that lives there now.
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `push` | any thread | everything | lock-free: an exchange fails only when another push or take succeeded |
//! | `take_all` | any thread | everything | wait-free up to the reversal, which is linear in what was taken |
//! | `is_empty` | any thread | everything | wait-free; a hint unless fences order it |
//! | `drop` | owner | nothing (`&mut self`) | linear |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | `push`: first read of `head` | Relaxed | none | nothing: the exchange checks it | none |
//! | O2 | `push`: exchange of `head` | Release | O3 | the taker sees a node before its fields; earlier pushers are covered by the release sequence of exchanges | `push::two_pushers_one_taker` |
//! | O3 | `take_all`: swap of `head` | Acquire | O2 | the same, from the other side | `push::two_pushers_one_taker` |
//! | O4 | `is_empty`: read of `head` | Relaxed | none | nothing: callers that sleep on the answer fence first | `wait::park_vs_publish` |
//!
//! # Reclamation
//! None: a node is freed by the thread that took it.
//!
//! # Not promised
//! Fairness between pushers, or a length.
#![expect(unsafe_code, reason = "nodes are shared by pointer until they are taken")]

use crate::sync::UnsafeCell;
use crate::sync::atomic::{AtomicPtr, Ordering};
use core::fmt;
use core::marker::PhantomData;
use core::ptr;

/// A lock-free list of values from many threads; see the module.
///
/// ```
/// use millstream_reclaim::PushList;
///
/// let list = PushList::new();
/// assert!(list.push("first"), "it was empty");
/// assert!(!list.push("second"));
/// assert_eq!(list.take_all().collect::<Vec<_>>(), ["first", "second"]);
/// assert!(list.is_empty());
/// ```
pub struct PushList<T> {
    head: AtomicPtr<Node<T>>,
    owns: PhantomData<Box<Node<T>>>,
}

// SAFETY:
// - `T: Send`: values move from the pushing to the taking thread.
// - `T: Sync` is not needed: no method gives a `&T`.
unsafe impl<T: Send> Sync for PushList<T> {}
// SAFETY:
// - `T: Send`: the list owns its values, which move with it.
unsafe impl<T: Send> Send for PushList<T> {}

impl<T> PushList<T> {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// Adds a value. Whether the list was empty: the pusher that finds it so is the one that wakes a sleeping taker.
    pub fn push(&self, value: T) -> bool {
        self.push_prepared(Prepared::new(value))
    }

    /// Adds a node that was allocated before: neither allocates nor panics.
    pub(crate) fn push_prepared(&self, prepared: Prepared<T>) -> bool {
        let node = Box::into_raw(prepared.0);
        node.expose_provenance();
        // O1 Relaxed: a guess, checked by the exchange.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: the node was a box above and is not shared before the exchange succeeds.
            let next = unsafe { &(*node).next };
            // SAFETY: by I2 nobody else touches the link of an unshared node.
            next.with_mut(|next| unsafe { *next = head.addr() });
            // O2 Release: publishes the node; pairs with O3. Ends: see Callers.
            match self.head.compare_exchange(head, node, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return head.is_null(),
                Err(now) => head = now,
            }
        }
    }

    /// Takes everything, oldest first.
    pub fn take_all(&self) -> Batch<T> {
        // O3 Acquire: every node of the chain is complete; pairs with O2.
        let newest = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        Batch { next: reverse(newest), owns: PhantomData }
    }

    /// Whether there was nothing to take.
    pub fn is_empty(&self) -> bool {
        // O4 Relaxed: a hint; callers that act on its absence fence first.
        self.head.load(Ordering::Relaxed).is_null()
    }
}

impl<T> Default for PushList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for PushList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushList").field("is_empty", &self.is_empty()).finish()
    }
}

impl<T> Drop for PushList<T> {
    fn drop(&mut self) {
        drop(self.take_all());
    }
}

/// Values taken from a [`PushList`], oldest first. Dropping it drops what was not taken out.
pub struct Batch<T> {
    next: *mut Node<T>,
    owns: PhantomData<Box<Node<T>>>,
}

// SAFETY:
// - `T: Send`: a batch owns its chain alone (I1), so it moves as a vector of values would.
unsafe impl<T: Send> Send for Batch<T> {}
// SAFETY:
// - `T: Sync` is not needed: `&Batch` gives no access to values.
unsafe impl<T: Send> Sync for Batch<T> {}

impl<T> Batch<T> {
    /// A batch without values.
    pub(crate) fn empty() -> Self {
        Self { next: ptr::null_mut(), owns: PhantomData }
    }
}

impl<T> Iterator for Batch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.next.is_null() {
            return None;
        }
        // SAFETY: by I1 the chain is this batch's alone, and each node was made by `Box::into_raw`.
        let node = unsafe { Box::from_raw(self.next) };
        self.next = follow(&node.next);
        Some(node.value)
    }
}

impl<T> Drop for Batch<T> {
    fn drop(&mut self) {
        for value in self {
            drop(value);
        }
    }
}

impl<T> fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("is_empty", &self.next.is_null()).finish()
    }
}

/// A node that waits to be pushed, so that the push itself cannot fail.
pub(crate) struct Prepared<T>(Box<Node<T>>);

impl<T> Prepared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Box::new(Node { next: UnsafeCell::new(0), value }))
    }
}

struct Node<T> {
    /// The address of the next older node (I3), or 0.
    next: UnsafeCell<usize>,
    value: T,
}

// SAFETY:
// - `T: Send`: an unshared node is its value and a number.
unsafe impl<T: Send> Send for Node<T> {}

/// The node that a link of an owned chain leads to.
fn follow<T>(link: &UnsafeCell<usize>) -> *mut Node<T> {
    // SAFETY: by I2 the link of a taken node is written by its owner alone, which is the caller.
    let address = link.with(|next| unsafe { *next });
    ptr::with_exposed_provenance_mut(address)
}

/// Turns a taken chain round; gives its oldest node.
fn reverse<T>(newest: *mut Node<T>) -> *mut Node<T> {
    let (mut rest, mut turned) = (newest, ptr::null_mut::<Node<T>>());
    while !rest.is_null() {
        // SAFETY: by I1 the chain is the caller's alone, and its nodes live until it frees them.
        let link = unsafe { &(*rest).next };
        let older = follow(link);
        // SAFETY: by I2 the owner of a taken chain may write its links.
        link.with_mut(|next| unsafe { *next = turned.addr() });
        (turned, rest) = (rest, older);
    }
    turned
}

//! A list that only grows. Promise: a value that was appended is found by every later walk and stays where it is
//! until the list ends.
//!
//! # State
//!
//! ```text
//! head -> newest (index n) -> .. -> oldest (index 0) -> null
//! ```
//!
//! # Invariants
//! - I1. A node that was published is neither changed nor freed before the list is dropped, which needs `&mut`.
//! - I2. Indexes are dense and rise from the oldest node (test `append_list_indexes_are_dense`).
//!
//! # Callers
//!
//! | operation | role | concurrent with | progress |
//! |---|---|---|---|
//! | `append` | any thread | everything | lock-free: an exchange fails only when another append succeeded |
//! | `iter`, `get` | any thread | everything | wait-free, linear |
//! | `drop` | owner | nothing (`&mut self`) | linear |
//!
//! # Orderings
//!
//! | label | access | ordering | pairs with | what breaks if weaker | model |
//! |---|---|---|---|---|---|
//! | O1 | `append`: reads of `head` | Acquire | O2 | the appender reads the index of a node it has not seen whole | `append::walk_vs_append` |
//! | O2 | `append`: exchange of `head` | Release | O3 | a walker sees a node before its fields | `append::walk_vs_append` |
//! | O3 | walk: read of `head` | Acquire | O2 | the same, from the other side | `append::walk_vs_append` |
//!
//! # Reclamation
//! None before the list ends: it is as long as its owner ever needed at once.
//!
//! # Not promised
//! Removal; owners mark values unused and use them again.
#![expect(unsafe_code, reason = "nodes are shared by pointer for the life of the list")]

use crate::sync::UnsafeCell;
use crate::sync::atomic::{AtomicPtr, Ordering};
use core::marker::PhantomData;
use core::ptr;

/// See the module.
pub(crate) struct AppendList<T> {
    head: AtomicPtr<Node<T>>,
    owns: PhantomData<Box<Node<T>>>,
}

struct Node<T> {
    value: T,
    link: UnsafeCell<Link<T>>,
}

/// What an appender writes once it knows the head.
struct Link<T> {
    older: *mut Node<T>,
    index: usize,
}

// SAFETY:
// - `T: Send`: the thread that drops the list drops values that others appended.
// - `T: Sync`: walkers share `&T`.
unsafe impl<T: Send + Sync> Sync for AppendList<T> {}
// SAFETY:
// - `T: Send`: the list owns its values.
// - `T: Sync`: an earlier walker's thread may not outlive its borrow, so nothing more is asked.
unsafe impl<T: Send + Sync> Send for AppendList<T> {}

impl<T> AppendList<T> {
    pub(crate) fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// Appends a value; gives its index.
    pub(crate) fn append(&self, value: T) -> usize {
        let link = UnsafeCell::new(Link { older: ptr::null_mut(), index: 0 });
        let node = Box::into_raw(Box::new(Node { value, link }));
        // O1 Acquire: the head's index is complete; pairs with O2 of its appender.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            // SAFETY: by I1 a published node lives as long as the list.
            let index = unsafe { head.as_ref() }.map_or(0, |newest| newest.index() + 1);
            // SAFETY: the node was a box above and is not shared before the exchange succeeds.
            let link = unsafe { &(*node).link };
            // SAFETY: as above, nobody else touches an unshared node.
            link.with_mut(|link| unsafe { *link = Link { older: head, index } });
            // O2 Release: publishes the node; pairs with O3. Its failure is O1.
            match self.head.compare_exchange(head, node, Ordering::Release, Ordering::Acquire) {
                Ok(_) => return index,
                Err(now) => head = now,
            }
        }
    }

    /// Every value, newest first, with its index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        // O3 Acquire: every node of the chain is complete; pairs with O2.
        let mut next = self.head.load(Ordering::Acquire);
        core::iter::from_fn(move || {
            // SAFETY: by I1 a published node lives as long as the list, which the iterator borrows.
            let node = unsafe { next.as_ref() }?;
            next = node.older();
            Some((node.index(), &node.value))
        })
    }

    /// The value with an index.
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.iter().find_map(|(at, value)| (at == index).then_some(value))
    }
}

impl<T> Drop for AppendList<T> {
    fn drop(&mut self) {
        // O3 Acquire: `&mut self`; nobody else is left.
        let mut next = self.head.load(Ordering::Acquire);
        while !next.is_null() {
            // SAFETY: each node was made by `Box::into_raw`, and `&mut self` ends I1.
            let node = unsafe { Box::from_raw(next) };
            next = node.older();
        }
    }
}

impl<T> Node<T> {
    fn older(&self) -> *mut Self {
        // SAFETY: by I1 the link is not written any more once the node is published.
        self.link.with(|link| unsafe { (*link).older })
    }

    fn index(&self) -> usize {
        // SAFETY: as in `older`.
        self.link.with(|link| unsafe { (*link).index })
    }
}

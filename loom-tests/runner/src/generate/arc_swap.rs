//! The instrumented arc-swap: its atomics exchanged for loom's.

use super::substitutions::{Substitution, exchange};

/// The file that is added.
pub(super) const LOOM_ATOMIC: &str = include_str!("loom_atomic.rs");

/// The atomics come from that file, and what loom cannot do in a `const` or through `&mut` takes another way. The
/// number of fast slots falls from 8 to 2: a model's threads hold few guards, and each slot that a writer looks at
/// multiplies the schedules.
pub(super) const ARC_SWAP: &[Substitution] = &[
    exchange(
        "src/debt/mod.rs",
        "\nuse core::sync::atomic::AtomicUsize;\n",
        "\nuse crate::loom_atomic::AtomicUsize;\n",
        1,
    ),
    exchange(
        "src/debt/list.rs",
        "\nuse core::sync::atomic::{AtomicPtr, AtomicUsize};\n",
        "\nuse crate::loom_atomic::{AtomicPtr, AtomicUsize};\n",
        1,
    ),
    exchange(
        "src/debt/helping.rs",
        "\nuse core::sync::atomic::{AtomicPtr, AtomicUsize};\n",
        "\nuse crate::loom_atomic::{AtomicPtr, AtomicUsize};\n",
        1,
    ),
    exchange(
        "src/strategy/mod.rs",
        "\nuse core::sync::atomic::AtomicPtr;\n",
        "\nuse crate::loom_atomic::AtomicPtr;\n",
        1,
    ),
    exchange(
        "src/strategy/hybrid.rs",
        "\nuse core::sync::atomic::AtomicPtr;\n",
        "\nuse crate::loom_atomic::AtomicPtr;\n",
        1,
    ),
    exchange(
        "src/strategy/rw_lock.rs",
        "use core::sync::atomic::{AtomicPtr, Ordering};\n",
        "use crate::loom_atomic::AtomicPtr;\nuse core::sync::atomic::Ordering;\n",
        1,
    ),
    exchange(
        "src/lib.rs",
        "\nuse core::sync::atomic::{AtomicPtr, Ordering};\n",
        "\nmod loom_atomic;\nuse crate::loom_atomic::AtomicPtr;\nuse core::sync::atomic::Ordering;\n",
        1,
    ),
    exchange("src/lib.rs", "*self.ptr.get_mut()", "self.ptr.with_mut(|ptr| *ptr)", 2),
    exchange("src/lib.rs", "pub const fn const_empty()", "pub fn const_empty()", 1),
    exchange(
        "src/debt/helping.rs",
        "*self.space_offer.get_mut() = &mut self.handover;",
        "let own: *mut Handover = &mut self.handover;\n        self.space_offer.with_mut(|offer| *offer = own);",
        1,
    ),
    exchange(
        "src/debt/list.rs",
        "static LIST_HEAD: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());",
        "loom::lazy_static! {\n    static ref LIST_HEAD: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());\n}",
        1,
    ),
    exchange("src/debt/list.rs", "\nthread_local! {\n", "\nloom::thread_local! {\n", 1),
    exchange(
        "src/debt/fast.rs",
        "const DEBT_SLOT_CNT: usize = 8;",
        "const DEBT_SLOT_CNT: usize = 2;",
        1,
    ),
];

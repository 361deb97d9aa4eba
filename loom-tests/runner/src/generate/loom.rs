//! The completed loom: its search looks back at every access that a step conflicts with.
//!
//! Loom explores by dynamic partial-order reduction: where two steps of different threads conflict and neither comes
//! before the other, it also tries them the other way round. Of an atomic it remembers the last access alone. Loads do
//! not conflict with each other, so a thread that loads a word and then exchanges it (every loop round a
//! compare-and-exchange does) hides the loads of all other threads behind its own: its exchange is only ever compared
//! with its own load, and the orders in which it comes before theirs are never tried. Here a word remembers every load
//! since its last store; a store is compared with each of them and comes after all of them.

use super::substitutions::{Substitution, exchange};

/// Every exchange.
pub(super) const LOOM: &[Substitution] = &[
    exchange(
        "src/rt/atomic.rs",
        "    last_access: Option<Access>,\n",
        "    loads: Vec<Access>,\n",
        1,
    ),
    exchange("src/rt/atomic.rs", "            last_access: None,\n", "            loads: Vec::new(),\n", 1),
    exchange(
        "src/rt/atomic.rs",
        "    pub(super) fn last_dependent_access(&self, action: Action) -> Option<&Access> {
        match action {
            Action::Load => self.last_non_load_access.as_ref(),
            _ => self.last_access.as_ref(),
        }
    }
",
        "    pub(super) fn last_dependent_access(&self, _: Action) -> Option<&Access> {
        self.last_non_load_access.as_ref()
    }

    /// The loads since the last store, if the action conflicts with loads.
    pub(super) fn loads_beside(&self, action: Action) -> &[Access] {
        match action {
            Action::Load => &[],
            _ => &self.loads,
        }
    }
",
        1,
    ),
    exchange(
        "src/rt/atomic.rs",
        "        // Always set `last_access`
        Access::set_or_create(&mut self.last_access, path_id, version);

        match action {
            Action::Load => {}
            _ => {
",
        "        match action {
            Action::Load => self.loads.push(Access::new(path_id, version)),
            _ => {
                self.loads.clear();
",
        1,
    ),
    exchange(
        "src/rt/object.rs",
        "    pub(super) fn set_last_access(
        &mut self,
        operation: Operation,
",
        "    /// The last access that an operation conflicts with and that is not ordered before it.
    pub(super) fn last_racing_access(
        &self,
        operation: Operation,
        version: &VersionVec,
    ) -> Option<&Access> {
        let accesses = self.loads_beside(operation).iter().chain(self.last_dependent_access(operation));
        accesses.filter(|access| !access.happens_before(version)).max_by_key(|access| access.path_id())
    }

    /// Orders an operation behind everything that it conflicts with.
    pub(super) fn join_dependent(&self, operation: Operation, version: &mut VersionVec) {
        for access in self.loads_beside(operation).iter().chain(self.last_dependent_access(operation)) {
            version.join(access.version());
        }
    }

    fn loads_beside(&self, operation: Operation) -> &[Access] {
        match &self.entries[operation.obj.index] {
            Entry::Atomic(entry) => entry.loads_beside(operation.action.into()),
            _ => &[],
        }
    }

    pub(super) fn set_last_access(
        &mut self,
        operation: Operation,
",
        1,
    ),
    exchange(
        "src/rt/execution.rs",
        "            if let Some(access) = self.objects.last_dependent_access(operation) {
                if access.happens_before(&th.dpor_vv) {
                    // The previous access happened before this access, thus
                    // there is no race.
                    continue;
                }
",
        "            if let Some(access) = self.objects.last_racing_access(operation, &th.dpor_vv) {
",
        1,
    ),
    exchange(
        "src/rt/execution.rs",
        "            if let Some(access) = self.objects.last_dependent_access(operation) {
                threads.active_mut().dpor_vv.join(access.version());
            }
",
        "            self.objects.join_dependent(operation, &mut threads.active_mut().dpor_vv);
",
        1,
    ),
];

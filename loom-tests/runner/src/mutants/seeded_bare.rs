//! Bugs that only a bare published pointer shows: each takes away a fence of the product's, beside which the real one has
//! its own.

use super::seeded::Mutant;

/// Every bug of this kind.
pub(super) const BARE: &[Mutant] = &[
    Mutant {
        bug: "bare: a stream request without the fence between its slot and the second look at the state",
        file: "core/src/producer/requests.rs",
        text: "        fence(Ordering::SeqCst);\n        if partition.info(pin).version != version {",
        with: "        if partition.info(pin).version != version {",
        count: 1,
        models: "producer::state_change_vs_request",
    },
    Mutant {
        bug: "bare: no fence after a vbucket's flag is cleared",
        file: "core/src/partition/vbucket.rs",
        text: "        fence(Ordering::SeqCst);\n        // V2 AcqRel: as above, for state and failover log.",
        with: "        // V2 AcqRel: as above, for state and failover log.",
        count: 1,
        models: "partition::dirty_vs_idle_flush",
    },
];

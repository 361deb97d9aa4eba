//! What the rules let pass, each with its reason. An entry that is not needed any more is itself against the rules.

/// One exception: a rule, the path of a file or of a folder, and why.
pub(super) struct Allowed {
    pub(super) rule: &'static str,
    pub(super) path: &'static str,
    pub(super) reason: &'static str,
}

/// The exceptions of this workspace.
pub(super) const ALLOWED: &[Allowed] = &[
    Allowed {
        rule: "facade",
        path: "reclaim/src/sync/",
        reason: "it is the facade: the one place that chooses between std's and loom's atomics",
    },
    Allowed {
        rule: "mod-files",
        path: "reclaim/src/sync/mod.rs",
        reason: "an alias that has to name the same type in both worlds",
    },
    Allowed {
        rule: "orderings",
        path: "reclaim/src/sync/tally.rs",
        reason: "it counts for tests and orders nothing, so that no model has anything to check",
    },
    Allowed {
        rule: "facade",
        path: "core/src/store/",
        reason: "a store blocks on the disk anyway, and is never called on the path of a streamed message",
    },
    Allowed {
        rule: "facade",
        path: "core/src/engine/collections.rs",
        reason: "whose turn it is to tell vbuckets of the manifest: waited for by who changes the manifest",
    },
    Allowed {
        rule: "facade",
        path: "core/src/engine/shutdown.rs",
        reason: "the engine's threads and their last words, touched at its start and end only",
    },
    Allowed {
        rule: "facade",
        path: "core/src/races/",
        reason: "gates that hold threads for tests: there only when the crate tests itself",
    },
    Allowed {
        rule: "facade",
        path: "benches/benches/",
        reason: "std's locks are measured beside ours, and nothing of it ships or is modelled",
    },
    Allowed {
        rule: "orderings",
        path: "benches/benches/",
        reason: "flags that start and stop a bench, and peers: nothing of it ships or is modelled",
    },
    Allowed {
        rule: "facade",
        path: "benches/src/baseline/",
        reason: "the lock baseline is made of std's locks: it is what ours is measured beside",
    },
    Allowed {
        rule: "orderings",
        path: "benches/src/baseline/",
        reason: "flags of the lock baseline, whose decisions are made under its locks; nothing of it ships",
    },
];

/// Method names that start with `get_` because the protocol's own command does.
pub(super) const PROTOCOL_NAMES: &[&str] = &[
    "get_all_vb_seqnos",
    "get_and_touch",
    "get_cluster_config",
    "get_error_map",
    "get_failover_log",
];

//! What happened in the schedules of this process: one that never happens is a scene that has lost its race.

use millstream_reclaim::sync::Tally;

macro_rules! tallies {
    ($($name:ident: $what:literal,)*) => {
        $(pub(crate) static $name: Tally = Tally::new();)*

        /// All of it, in one line.
        pub(crate) fn seen() -> String {
            [$(format!("{} {}", $what, $name.count()),)*].join(", ")
        }
    };
}

tallies! {
    CALM: "schedules in which everything was streamed",
    DOCUMENTS: "documents streamed",
    ENDS: "ends told",
    STREAMS: "streams opened and ended once",
    BACKFILLS: "backfills",
    MANAGERS: "managers destroyed by the reaper",
    REFUSED: "streams refused",
    SHARED: "closers that found something to end",
    LATE: "closers that found everything ended",
    NAMESAKES: "connections replaced by name",
    CHANGES: "vbucket state changes",
    CHANGES_LATE: "vbucket state changes after a shutdown",
    ROLLBACKS: "rollbacks",
    FAILOVERS: "failovers",
    PURGES: "purges",
    DEEDS_REFUSED: "changes that were refused",
    TOLD_PERSISTED: "writes told as persisted",
    TOLD_GONE: "writes told as taken back",
    SHUTDOWNS: "shutdowns",
    LAST_HANDLES: "last handles dropped",
    WRITES: "writes",
    LOOKS: "looks at the stats",
}

/// Several more.
pub(crate) fn add(tally: &Tally, more: u64) {
    tally.set(tally.count() + more);
}

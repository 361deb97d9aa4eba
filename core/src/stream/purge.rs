//! Whether what a backfill reads lacks tombstones that the client would have had to see.

use super::filter::StreamFilter;
use crate::failover::{BackfillQuery, exempt_by_filter, purge_forbids_backfill};
use crate::partition::Partition;
use crate::types::Seqno;
use millstream_reclaim::Pin;

/// What a client said of purged tombstones when it asked for its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PurgeTest {
    /// They do not matter to it.
    pub(crate) ignored: bool,
    /// It has seen everything up to this purge seqno, by its own account; 0, which no purge has, if it knows of none.
    pub(crate) known: Seqno,
}

/// Where a backfill begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct First {
    pub(super) seqno: Seqno,
    /// The filter's collections have nothing before it.
    pub(super) of_filter: bool,
}

impl First {
    /// Of a backfill that is to read from `next` on: what the filter shows may begin later.
    pub(super) fn of(
        next: Seqno,
        filter: &StreamFilter,
        partition: &Partition,
        pin: &Pin<'_>,
    ) -> Self {
        let begins = filter.start(partition, pin);
        Self { seqno: next.max(begins), of_filter: begins >= next }
    }
}

impl PurgeTest {
    /// Whether a backfill from `first` on may not be shown, since tombstones up to `purge` are gone from it. Asked once
    /// the scan is open, so that the filter's high seqno is not older than what is read.
    pub(super) fn forbids(
        self,
        first: First,
        purge: Seqno,
        filter: &StreamFilter,
        partition: &Partition,
        pin: &Pin<'_>,
    ) -> bool {
        let has_all = Seqno(first.seqno.0.saturating_sub(1));
        let exempt = match filter {
            StreamFilter::Collections(_) => filter
                .high(partition, pin)
                .is_some_and(|high| exempt_by_filter(has_all, purge, high)),
            _ => false,
        };
        purge_forbids_backfill(&BackfillQuery {
            first: first.seqno,
            purge: if self.ignored { Seqno::ZERO } else { purge },
            client_purge: Some(self.known),
            exempt_from_purge: exempt,
            first_of_filter: first.of_filter,
        })
    }
}

//! What the handles of one domain share.

use super::DomainConfig;
use crate::reader::{Places, Pool};
use crate::reaper::{Garbage, Quiescence};
use crate::sync::atomic::AtomicUsize;
use crate::sync::{Arc, Clock};
use crossbeam_epoch::Collector;

/// See the module. Fields are dropped in this order: the collector runs what is left of its queue, and those
/// closures hold the garbage themselves.
pub(crate) struct Shared {
    pub(crate) collector: Collector,
    /// After the collector, whose closures fill it.
    _last: LastLook,
    pub(crate) garbage: Arc<Garbage>,
    pub(crate) places: Places,
    pub(crate) pool: Pool,
    pub(crate) quiescence: Quiescence,
    pub(crate) config: DomainConfig,
    pub(crate) clock: Clock,
    /// Domains in the embedder's hands; see `handle.rs`.
    pub(crate) handles: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(config: DomainConfig) -> Self {
        let garbage = Arc::new(Garbage::new());
        Self {
            collector: Collector::new(),
            _last: LastLook(Arc::clone(&garbage)),
            garbage,
            places: Places::new(),
            pool: Pool::new(),
            quiescence: Quiescence::new(),
            config,
            clock: Clock::start(),
            handles: AtomicUsize::new(0),
        }
    }
}

/// Destroys what is left when the domain ends. The garbage would not do so by itself where a retired value owns a cell:
/// a cell owns a share of the garbage, which then would own itself.
struct LastLook(Arc<Garbage>);

impl Drop for LastLook {
    fn drop(&mut self) {
        self.0.destroy_all();
    }
}

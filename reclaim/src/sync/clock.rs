//! Time since a domain began, in milliseconds. It stands still in models: their executions must repeat exactly.

/// See the module.
#[derive(Debug)]
pub(crate) struct Clock(#[cfg(not(millstream_loom))] std::time::Instant);

#[cfg(not(millstream_loom))]
impl Clock {
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(millstream_loom)]
impl Clock {
    pub(crate) fn start() -> Self {
        Self()
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        0
    }
}

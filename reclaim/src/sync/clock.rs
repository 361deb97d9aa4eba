//! Time since a domain began, in milliseconds. It stands still in models and
//! under chosen schedules: their executions must repeat exactly.

/// See the module.
#[derive(Debug)]
pub(crate) struct Clock(#[cfg(not(any(millstream_loom, millstream_shuttle)))] std::time::Instant);

#[cfg(not(any(millstream_loom, millstream_shuttle)))]
impl Clock {
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(any(millstream_loom, millstream_shuttle))]
impl Clock {
    pub(crate) fn start() -> Self {
        Self()
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        0
    }
}

//! What a measurement fails with.

/// Why a measurement came to nothing.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

//! Why the models could not be run.

use std::fmt;

/// What was being dealt with, and what was wrong with it.
#[derive(Debug)]
pub(crate) struct Fault {
    about: String,
    what: String,
}

impl Fault {
    pub(crate) fn new(about: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self { about: about.to_string(), what: what.to_string() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.what)
    }
}

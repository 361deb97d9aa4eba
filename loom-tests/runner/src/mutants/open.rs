//! Seeded bugs that no model finds. Each is tried like the others and told apart from them: it does not count as found,
//! and one that is found fails the run until it is taken off this list.

/// The bugs by their names, and why each goes unseen.
pub(super) const OPEN: &[(&str, &str)] = &[];

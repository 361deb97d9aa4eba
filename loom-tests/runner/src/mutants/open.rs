//! Seeded bugs that no model finds. Each is tried like the others and told apart from them: it does not count as found,
//! and one that is found fails the run until it is taken off this list.

/// The bugs by their names, and why each goes unseen.
pub(super) const OPEN: &[(&str, &str)] = &[(
    "partition: no fence after the flag is cleared",
    "the fences that stand around each access of arc-swap in the models are in its place: the history is looked up \
     between the flag and the log. Over a bare published pointer it is found (`--bare --mutants`)",
)];

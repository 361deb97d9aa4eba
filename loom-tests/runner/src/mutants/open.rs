//! Seeded bugs that no model finds yet. Each is tried like the others and told apart from them: they do not count as
//! found, and one that is found fails the run until it is taken off this list.

/// The bugs by their names, and why we suspect that each goes unseen.
pub(super) const OPEN: &[(&str, &str)] = &[
    ("log: the committed mark is raised without an order", HINT),
    ("log: the committed mark is read without an order", HINT),
    (
        "stream word: ended without an order",
        "nothing that the models look at is written before the end and read behind it",
    ),
    (
        "table: a block is found without an order",
        "a reader that finds the block has seen its words through the claim of its own slot",
    ),
    (
        "ready: a member is taken without an order",
        "the summary's exchange comes before it and orders the same",
    ),
    (
        "partition: the flusher clears the flag after its look",
        "the model's flusher comes by again in any case",
    ),
    (
        "partition: persisted is raised without an order",
        "the fence of the wake that follows orders the same for whoever was woken",
    ),
];

const HINT: &str = "each slot is looked at with an order of its own, whatever the mark says";

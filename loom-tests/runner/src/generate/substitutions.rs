//! What is exchanged in a locked source, and how often each text occurs there. A version in which a count differs is
//! refused: it would lose coverage in silence.

/// One exchange.
pub(super) struct Substitution {
    /// Below the package's folder.
    pub(super) file: &'static str,
    pub(super) text: &'static str,
    pub(super) with: &'static str,
    pub(super) count: usize,
}

pub(super) const fn exchange(
    file: &'static str,
    text: &'static str,
    with: &'static str,
    count: usize,
) -> Substitution {
    Substitution { file, text, with, count }
}

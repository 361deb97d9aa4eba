//! The client's side of flow control: counts, no more.

/// Counts what was dealt with, and says when to tell the server: once that is half the window or more.
///
/// # Examples
/// ```
/// # use millstream::client::FlowWindow;
/// let mut window = FlowWindow::new(100);
/// assert_eq!(window.handled(49), None);
/// assert_eq!(window.handled(1), Some(50));
/// assert_eq!(window.unacknowledged(), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowWindow {
    size: u32,
    unacknowledged: u32,
}

impl FlowWindow {
    /// A window of so many bytes; 0: there is none, and nothing is ever acknowledged.
    #[must_use]
    pub const fn new(size: u32) -> Self {
        Self { size, unacknowledged: 0 }
    }

    /// Bytes that were dealt with and that the server has not been told about.
    #[must_use]
    pub const fn unacknowledged(self) -> u32 {
        self.unacknowledged
    }

    /// So many more bytes were dealt with; the answer is the acknowledgement to send now, if any.
    #[must_use]
    pub const fn handled(&mut self, bytes: u32) -> Option<u32> {
        if self.size == 0 {
            return None;
        }
        // A message is far smaller than what is left above half of the largest window.
        self.unacknowledged = self.unacknowledged.saturating_add(bytes);
        if self.unacknowledged < self.size.div_ceil(2) {
            return None;
        }
        let due = self.unacknowledged;
        self.unacknowledged = 0;
        Some(due)
    }
}

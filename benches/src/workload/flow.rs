//! How much a client and its connection have under way.

/// The flow-control window of the connections, in bytes: what clients ask for.
pub const WINDOW_BYTES: u32 = 10 * 1024 * 1024;
/// A client acknowledges when it has consumed this share of the window.
pub const ACK_SHARE: u64 = 5;
/// Bytes that a sink takes before the connection's turn is over: as a server's output for clients of low priority.
pub const TURN_BYTES: u64 = 256 * 1024;

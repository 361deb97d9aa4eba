//! Frames that nobody should trust break nothing, and nobody sets aside memory for what they promise.

mod corpus;
mod generated;

//! The log's rules, the decision row by row, and the decision against sets.

mod branches;
mod log;
mod reference;
mod table;

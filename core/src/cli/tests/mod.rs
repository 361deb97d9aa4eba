//! Tests of the parts that need no server.

mod amounts;
mod arguments;
mod exit;
mod password;
mod report;

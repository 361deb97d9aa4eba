//! SCRAM, the server's side (RFC 5802): the client proves that it knows the password without sending it, and the server
//! proves that it knows it too.
//!
//! ```text
//!   client                                   server
//!     n,,n=USER,r=NONCE              -->
//!                                    <--     r=NONCE+OURS,s=SALT,i=ITERATIONS
//!     c=biws,r=NONCE+OURS,p=PROOF    -->
//!                                    <--     v=SIGNATURE
//! ```
//!
//! The names that clients of this protocol use have no hyphen before the number. A nonce is any run of bytes without a
//! comma: one client has spaces in it. Names and passwords are taken byte for byte (no SASLprep), as those clients do.

mod accounts;
mod exchange;
mod mechanism;

#[cfg(test)]
mod tests;

pub(super) use accounts::Accounts;
pub(super) use exchange::{Exchange, Failed};
pub(super) use mechanism::Mechanism;

//! Tests from outside, one module for each behaviour.

mod tidy;

//! It accepts good histories, and rejects each kind of fault: a judge that cannot convict is worth
//! nothing.

mod bad;
mod collections;
mod compared;
mod good;
mod histories;
mod random;
mod scene;

//! Seeded bugs: each is put into a copy of the product, and the models must fail. A bug that survives is a missing
//! model, or a bound that is too low.

mod open;
mod seeded;
mod seeded_core;
mod trial;

pub(crate) use trial::{all_fit, run_all};

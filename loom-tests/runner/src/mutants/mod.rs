//! Seeded bugs: each is put into a copy of the product, and the models must fail. A bug that survives is a missing
//! model, or a bound that is too low; a model that finds none of them shows nothing.

mod open;
mod seeded;
mod seeded_bare;
mod seeded_core;
mod seeded_flow;
mod seeded_log;
mod trial;

pub(crate) use trial::{all_fit, run_all, unseeded};

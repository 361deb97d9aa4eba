//! Bugs that the schedules must find.

mod seeded;
mod trial;

pub(crate) use trial::run_all;

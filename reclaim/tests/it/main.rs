//! What the domain promises to embedders, under real threads.

mod bound;
mod destructors;
mod stress;

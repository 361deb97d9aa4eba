//! The house rules that neither rustfmt nor clippy knows, checked over the sources of the workspace.
//!
//! [`source`] splits a file into code and comments, [`rules`], [`safety`] and [`orderings`] find what is against them,
//! [`allowed`] lists the exceptions with their reasons, [`tree`] walks the workspace. Each rule is shown in
//! `samples` to fail on a small file that breaks it.

mod allowed;
mod orderings;
mod rules;
mod safety;
mod samples;
mod source;
mod tree;

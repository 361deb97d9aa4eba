//! The checks row by row, in their order, and at random.

mod order;
mod rows;
mod scene;
mod shape;

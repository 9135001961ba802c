//! The binary `sayso`: the one place that wires the parts together, and the
//! commands that an operator types.

pub mod commands;
pub mod compose;
mod demo;
mod doors;
mod greeting;
mod log;
mod repo;
mod scale;
mod storage;
mod trash;

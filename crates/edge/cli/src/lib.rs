//! The binary `sayso`: the one place that wires the parts together, and the
//! commands that an operator types.

mod archive;
pub mod commands;
pub mod compose;
mod demo;
mod descriptors;
mod doctor;
mod doors;
mod greeting;
mod log;
mod repo;
mod root_key;
mod scale;
mod storage;
mod trash;

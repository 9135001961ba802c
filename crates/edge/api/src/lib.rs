//! The HTTP face: the whole URL space, its OpenAPI document, and the
//! operator's endpoints.

pub mod catalog;
mod docs;
mod events;
mod explain;
mod openapi;
mod ops;
mod space;

pub use openapi::document;
pub use ops::{OpsState, Readiness, ops_router};
pub use space::{ApiParts, router};

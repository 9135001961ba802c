//! The HTTP face: the whole URL space, its OpenAPI document and the AsyncAPI
//! document of the sockets, and the operator's endpoints.

mod asyncapi;
pub mod catalog;
mod docs;
mod events;
mod explain;
mod openapi;
mod ops;
mod space;

pub use asyncapi::{asyncapi, asyncapi_text};
pub use openapi::document;
pub use ops::{OpsState, Readiness, ops_router};
pub use space::{ApiParts, router};

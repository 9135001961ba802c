//! The HTTP surface on a small router with bodies of no domain.

mod bodies;
mod demo;
mod edge;
mod limits;
mod queries;
mod replies;
mod server;
mod stack;
mod together;
mod writes;

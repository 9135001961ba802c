//! What tests are made of: a database of one's own, a context whose time
//! stands still, the sequencer and follower of a node, the real binary as a
//! process, people who use it, the bad line between them, a collector of what
//! it traces, and a judge of the log.
//!
//! ```ignore
//! let database = TestDatabase::new().await;
//! let node = Node::start(database.db());
//! let stage = TestCtx::new();
//!
//! let ctx = stage.acting(Role::Ceo);
//! service::create(database.db(), &ctx, draft).await?;
//!
//! judge::assert_settled(database.db()).await;
//! ```
//!
//! Everything ends with the value it belongs to: connections are closed, the
//! process is killed, the folder is removed. Databases go with their server.

mod balancer;
mod client;
mod collector;
mod ctx;
mod database;
mod folder;
mod heard;
pub mod judge;
mod library;
mod node;
mod port;
mod postgres;
mod process;
mod proxy;
mod redis;
mod schemas;
mod server;
mod sockets;
mod unbroken;
mod until;

pub use balancer::Balancer;
pub use client::{Client, Reply, read};
pub use collector::{CollectedSpan, Collector};
pub use ctx::{TestCtx, root_key};
pub use database::TestDatabase;
pub use folder::TestFolder;
pub use heard::Heard;
pub use node::{BusSetup, Candidate, Node};
pub use postgres::TestPostgres;
pub use process::{Process, ProcessSetup};
pub use proxy::{Proxy, Way, Weather};
pub use redis::TestRedis;
pub use schemas::Schemas;
pub use sockets::{Connect, Sockets};
pub use unbroken::assert_unbroken;
pub use until::until;

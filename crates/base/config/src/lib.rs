//! The settings of Sayso: what they are, where they come from, and what is
//! wrong with them. The only reader of the process environment.
//!
//! Sources, each stronger than the one before: the defaults in code, a TOML
//! file, the environment, and the caller's own overrides (flags). A section is
//! one table of the file and one file of this crate; its fields are declared
//! once, with their unit, their bounds and the text that becomes the
//! reference. To add a setting, add a field to its section.

mod auth;
mod backup;
mod cache;
mod database;
mod deployment;
mod environment;
mod events;
mod fault;
mod http;
mod layer;
mod limits;
mod log;
mod managed;
mod realtime;
mod redis;
mod root_key;
mod secrets;
mod section;
mod settings;
mod traces;
mod trash;
mod value;

pub use auth::{Auth, PerRole, RoleNames, SessionsOver};
pub use backup::Backup;
pub use cache::Cache;
pub use database::Database;
pub use deployment::Deployment;
pub use environment::{process_environment, runtime_dir, search_path};
pub use events::Events;
pub use fault::{ConfigFault, Source};
pub use http::Http;
pub use layer::ToldSetting;
pub use limits::Limits;
pub use log::{Log, LogFormat};
pub use managed::ManagedPostgres;
pub use realtime::Realtime;
pub use redis::Redis;
pub use root_key::{RootKeyError, root_key_of};
pub use secrets::Secrets;
pub use section::SettingDoc;
pub use settings::{Settings, reference};
pub use traces::{Ratio, Traces};
pub use trash::Trash;
pub use value::Kind;

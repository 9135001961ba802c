//! Everything HTTP that is not about one domain: the server, the middleware
//! around every route, what handlers take ([`Caller`], [`Body`], [`Params`],
//! [`PathId`], [`IfMatch`], [`Key`]) and what they give back ([`Reply`],
//! [`Problem`]).
//!
//! A handler decodes, calls a service and encodes:
//!
//! ```ignore
//! async fn create_task(
//!     State(app): State<AppState>,
//!     Caller(ctx): Caller,
//!     key: Key,
//!     Body(input): Body<CreateTask>,
//! ) -> Result<Reply, Problem> {
//!     sayso_web::write(&app, &ctx, key, async move |tx, ctx| {
//!         let task = service::create_in(tx, ctx, input.clone()).await?;
//!         let view = TaskView::from(&task);
//!         Ok(Reply::created(&format!("/api/tasks/{}", task.id), &view, task.version))
//!     })
//!     .await
//! }
//! ```
//!
//! Bodies and queries are checked against the JSON Schema of their Rust type,
//! the same that the OpenAPI document shows; everything that is wrong with a
//! request is answered at once.

mod access_log;
pub mod body;
mod check;
pub mod codes;
mod compiled;
mod cors;
pub mod docs;
pub mod etag;
mod finding;
pub mod forwarded;
pub mod identity;
mod json;
mod kept;
pub mod key;
pub mod limits;
pub mod params;
pub mod path;
mod position;
pub mod problem;
mod query;
mod redacted;
pub mod reply;
pub mod request_id;
pub mod schema;
pub mod server;
mod shape;
mod spans;
pub mod stack;
mod state;
mod stream;
pub mod told;
pub mod unasked;
mod write;

pub use body::Body;
pub use codes::CODES;
pub use etag::{IfMatch, required_version};
pub use identity::{Anonymous, CalledBy, Caller, CallerId, Identity};
pub use kept::KEPT_REPLY;
pub use key::{Key, NoKey};
pub use limits::{Class, Limiter, Quota, Quotas};
pub use params::{NoQuery, Params};
pub use path::{PathId, PathIds};
pub use problem::Problem;
pub use reply::{PageBody, Reply};
pub use request_id::RequestId;
pub use server::{Connection, ServerLimits, Stop, listen, serve};
pub use state::{AppParts, AppState};
pub use write::{REPLAYED, write};

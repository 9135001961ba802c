//! The way to Redis (or Valkey), for whoever can do without it.
//!
//! Nothing is kept there alone, so no request may wait for it and none may fail
//! because of it: a command has a tenth of a second, and after the first that
//! got no answer nobody asks until a probe has been answered. Whoever asks then
//! is told at once that it is away, and does what it does without Redis.
//!
//! All keys of a deployment carry one hash tag, so on a cluster they are on one
//! master, and a plain connection to that master is all that is needed: when a
//! probe is told that the keys are elsewhere, the way leads there from then on.

mod clock;
mod line;
mod link;

pub use line::{Heard, listen};
pub use link::{Fault, Redis, RedisLimits};
pub use redis::{Cmd, FromRedisValue, RedisError, Script, ScriptInvocation, Value, aio, cmd};

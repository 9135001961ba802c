//! What handlers are given beside the request.

use std::sync::Arc;

use axum::extract::FromRef;
use sayso_cache::Cache;
use sayso_db::Db;
use sayso_events::{Hub, Presence};
use sayso_kernel::{Clock, Random};

use crate::stack::Sources;

/// The parts of the running system that handlers need; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// The generator of ids and secrets.
    pub random: Random,
    /// What this node has applied of the log, and who listens here.
    pub hub: Hub,
    /// Who is connected.
    pub presence: Presence,
    /// What was read and is kept.
    pub cache: Cache,
}

impl AppState {
    /// What the stack around the routes needs of it.
    #[must_use]
    pub fn sources(&self) -> Sources {
        let hub = self.hub.clone();
        Sources {
            clock: self.clock.clone(),
            random: self.random.clone(),
            position: Arc::new(move || Some(hub.applied()?.to_string())),
        }
    }
}

/// A part that a handler may ask for by itself.
macro_rules! part {
    ($field:ident: $kind:ty) => {
        impl FromRef<AppState> for $kind {
            fn from_ref(app: &AppState) -> Self {
                app.$field.clone()
            }
        }
    };
}

part!(db: Db);
part!(clock: Clock);
part!(random: Random);
part!(hub: Hub);
part!(presence: Presence);
part!(cache: Cache);

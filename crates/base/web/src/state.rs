//! What handlers are given beside the request.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use sayso_cache::Cache;
use sayso_db::Db;
use sayso_events::{Hub, Presence};
use sayso_kernel::{Clock, Random};

use crate::stack::Sources;

/// What handlers need of the running system. Every layer around a route clones
/// it for every request, so it is one pointer.
#[derive(Clone)]
pub struct AppState(Arc<AppParts>);

/// The parts of an [`AppState`].
#[derive(Clone)]
pub struct AppParts {
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

impl Deref for AppState {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl AppState {
    /// Of these parts.
    #[must_use]
    pub fn new(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }

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

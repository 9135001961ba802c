//! What the door needs beside the request.

use std::ops::Deref;
use std::sync::Arc;

use sayso_kernel::Vault;
use sayso_users::Hasher;
use sayso_web::AppState;

use crate::model::Rules;
use crate::{Activity, Keys, Memory};

/// The parts of the running system; cheap to clone.
#[derive(Clone)]
pub struct AuthState(Arc<AuthParts>);

/// The parts of an [`AuthState`].
#[derive(Clone)]
pub struct AuthParts {
    /// What every route needs.
    pub app: AppState,
    /// Signs and checks tokens.
    pub keys: Arc<Keys>,
    /// Hashes and compares passwords.
    pub hasher: Hasher,
    /// Who was seen lately.
    pub activity: Activity,
    /// What is remembered of sessions and tokens.
    pub memory: Memory,
    /// Seals what must be read again.
    pub vault: Arc<Vault>,
    /// How many sessions, and who needs a second factor.
    pub rules: Arc<Rules>,
}

impl Deref for AuthState {
    type Target = AuthParts;

    fn deref(&self) -> &AuthParts {
        &self.0
    }
}

impl AuthState {
    /// Of these parts.
    #[must_use]
    pub fn new(parts: AuthParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Lets the memory learn what ends sessions here and elsewhere, and the
    /// keys when others are added. Once a node.
    pub fn follow(&self) {
        let keys = Arc::clone(&self.keys);
        self.memory.follow(&self.app.hub, &self.app.db, move || keys.changed.notify_one());
    }
}

//! What the door needs beside the request.

use std::sync::Arc;

use sayso_users::Hasher;
use sayso_web::AppState;

use crate::{Activity, Keys};

/// The parts of the running system; cheap to clone.
#[derive(Clone)]
pub struct AuthState {
    /// What every route needs.
    pub app: AppState,
    /// Signs and checks tokens.
    pub keys: Arc<Keys>,
    /// Hashes and compares passwords.
    pub hasher: Hasher,
    /// Who was seen lately.
    pub activity: Activity,
}

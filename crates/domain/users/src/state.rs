//! What the routes of people need beside the request.

use sayso_web::AppState;

use crate::Hasher;

/// The parts of the running system; cheap to clone.
#[derive(Clone)]
pub struct UserState {
    /// What every route needs.
    pub app: AppState,
    /// Hashes the passwords of new people.
    pub hasher: Hasher,
}

//! What the trash's route needs beside what every route has.

use std::time::Duration;

use sayso_web::AppState;

/// The state of the trash's route.
#[derive(Clone)]
pub struct TrashState {
    /// What every route has.
    pub app: AppState,
    /// How long things are kept.
    pub kept: Duration,
}

//! Empties the trash of what has been in it for too long, now and then.

use std::time::Duration;

use sayso_access::{Ctx, Via};
use sayso_config::Settings;
use sayso_search::trash;
use sayso_web::AppState;
use tokio_util::sync::CancellationToken;

/// How long a node runs before it looks for the first time: starting is busy
/// enough, and one that is restarted often still gets there.
const FIRST_LOOK: Duration = Duration::from_secs(60);

/// How long deleted things are kept.
pub(crate) fn kept(settings: &Settings) -> Duration {
    Duration::from_secs(settings.trash.keep_days * 24 * 60 * 60)
}

/// Looks through the trash until told to stop. Every node does; what one
/// removes the others pass over.
pub(crate) async fn run(
    app: AppState,
    (kept, every): (Duration, Duration),
    stop: CancellationToken,
) {
    let mut wait = FIRST_LOOK.min(every);
    while tokio::time::timeout(wait, stop.cancelled()).await.is_err() {
        wait = every;
        let ctx = Ctx::anonymous(Via::System, app.clock.clone(), app.random.clone());
        match trash::purge(&app.db, &ctx, kept).await {
            Ok(purged) if purged.is_nothing() => {}
            Ok(purged) => tracing::info!(?purged, "emptied the trash"),
            // The next round does what this one could not.
            Err(fault) => tracing::warn!(%fault, "the trash could not be emptied"),
        }
    }
}

//! Sessions that have been over for long are forgotten, with their tokens: what
//! they were used for stands in the audit. The tokens of a session that goes on
//! are all kept, for whoever brings an old one is a thief.

use std::time::Duration;

use sayso_access::{Ctx, Via};
use sayso_db::{Db, Tx};
use sayso_kernel::{Clock, Fault, Random};
use sayso_web::limits::DEVICE_KNOWN_FOR;
use tokio_util::sync::CancellationToken;

use crate::devices::first_id;
use crate::model::before;
use crate::repo::device;

/// How long a session that is over is kept; as long as its device is known.
const KEPT: Duration = DEVICE_KNOWN_FOR;
/// How often it is looked for such, and when for the first time.
const EVERY: Duration = Duration::from_secs(3600);
const FIRST_LOOK: Duration = Duration::from_secs(90);
/// Sessions of one commit: each may have a thousand tokens.
const BATCH: i64 = 20;

/// Forgets them until told to stop. Every node does; what one has in hand the
/// others pass over.
pub async fn run(db: Db, (clock, random): (Clock, Random), stop: CancellationToken) {
    let mut wait = FIRST_LOOK;
    while tokio::time::timeout(wait, stop.cancelled()).await.is_err() {
        wait = EVERY;
        let ctx = Ctx::anonymous(Via::System, clock.clone(), random.clone());
        match forget(&db, &ctx).await {
            Ok(0) => {}
            Ok(sessions) => tracing::info!(sessions, "forgot sessions that were over"),
            Err(fault) => tracing::warn!(%fault, "sessions that are over cannot be forgotten"),
        }
    }
}

/// Forgets all there are, batch by batch; how many they were. It is the end of a
/// trace and no change, so it has no fact.
///
/// # Errors
/// When the database cannot be asked.
pub async fn forget(db: &Db, ctx: &Ctx) -> Result<u64, Fault> {
    let since = before(ctx.now(), KEPT);
    let mut forgotten = 0;
    loop {
        let work = async move |tx: &mut Tx, _: &Ctx| {
            Ok(device::forget(tx, first_id(since), since, BATCH).await?)
        };
        match db.transaction(ctx, work).await? {
            0 => return Ok(forgotten),
            sessions => forgotten += sessions,
        }
    }
}

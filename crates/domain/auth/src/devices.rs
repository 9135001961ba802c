//! Devices that people came in from: what a node's limits know of them is read
//! from `sessions`, also what happened before it started and at other nodes.
//! Read off the requests, at a rhythm of its own, so that nobody who tries
//! passwords decides how often.

use std::time::Duration;

use sayso_access::{Origin, SessionId};
use sayso_db::Db;
use sayso_kernel::{Clock, Fault, Timestamp};
use sayso_web::Limiter;
use sayso_web::limits::DEVICE_KNOWN_FOR;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::model::{after, before};
use crate::repo::device;

/// How often it is read who came in.
const READ_EVERY: Duration = Duration::from_secs(5);
/// How far back each time: clocks of nodes differ, and commits take their time.
const LOOKS_BACK: Duration = Duration::from_secs(120);
/// Sessions of one answer, and answers of one look. The newest come first; a
/// company of ten thousand that logs in daily is read for its last ten days.
const PAGE: usize = 1_000;
const PAGES_MAX: usize = 100;

/// Somebody who came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The session that began.
    pub session: SessionId,
    /// The person's e-mail, as it is now.
    pub email: String,
    /// Where they came from.
    pub origin: Origin,
    /// When.
    pub at: Timestamp,
}

/// Tells the limiter who came in from where, until told to stop.
pub async fn follow(db: Db, clock: Clock, limiter: Limiter, stop: CancellationToken) {
    let mut since = before(clock.now(), DEVICE_KNOWN_FOR);
    loop {
        let now = clock.now();
        match look(&db, (since, now), &limiter).await {
            Ok(()) => since = before(now, LOOKS_BACK),
            Err(fault) => tracing::debug!(%fault, "who came in could not be read"),
        }
        if tokio::time::timeout(READ_EVERY, stop.cancelled()).await.is_ok() {
            return;
        }
    }
}

async fn look(
    db: &Db,
    (since, now): (Timestamp, Timestamp),
    limiter: &Limiter,
) -> Result<(), Fault> {
    let (since, mut until) = (first_id(since), first_id(after(now, LOOKS_BACK)));
    for _ in 0..PAGES_MAX {
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let page = device::arrivals(&mut db.read(), (since, until), limit).await?;
        for arrival in &page {
            let ago = now.duration_since(arrival.at);
            let ago = Duration::try_from(ago).unwrap_or_default();
            limiter.know(&arrival.email, &arrival.origin, arrival.session, ago);
        }
        match page.last() {
            Some(oldest) if page.len() == PAGE => until = oldest.session,
            _ => break,
        }
    }
    Ok(())
}

/// The least id that a session can have that begins at this moment.
pub(crate) fn first_id(at: Timestamp) -> SessionId {
    let millis = u128::try_from(at.as_millisecond()).unwrap_or(0);
    SessionId(Uuid::from_u128(millis << 80))
}

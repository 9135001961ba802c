//! Who was refused what, for the audit.
//!
//! A refusal is noted in memory when its answer is there, and written later
//! with others: whoever asks for what they may not have must not be able to
//! make the server write as often as they ask. The same refusal again within
//! a second is one entry with a count, whether by HTTP or over a socket, with the
//! agent and the request of the first. What is hidden and what does not exist
//! are noted alike.
//!
//! Noted is what somebody who came with a token may not have, and whatever
//! looks like guessing: a password, a code or an invitation that was wrong, and
//! too many of them. A refused login has a fact of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sayso_access::{Ctx, SessionId, UserId, Via};
use sayso_db::{Came, Db, Tx};
use sayso_kernel::{Clock, Fault, Kind, Random};
use tokio_util::sync::CancellationToken;

use crate::events;

/// How often what was noted is written.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// The method of what is asked over a socket.
pub const SOCKET: &str = "SOCKET";
/// The route of whoever wants a socket.
pub const CONNECT: &str = "/socket.io/";
/// Different refusals that are kept until then; more are counted only.
const NOTED_MAX: usize = 500;

/// A refusal: who, what, how.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Who asked and in which session, if that is known.
    pub actor: Option<(UserId, SessionId)>,
    /// From where.
    pub address: Option<String>,
    /// `GET`, `POST`, …; of sockets [`SOCKET`].
    pub method: String,
    /// The route, not the path: no ids. Of sockets the event, or [`CONNECT`].
    pub route: String,
    /// 401, 403 or 404; 422 where what was to prove something did not, 429
    /// where it came too often.
    pub status: u16,
}

/// What was refused since it was last written: how the first of those came that
/// are one entry, and how many they are. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Mutex<HashMap<Refusal, (Came, u32)>>>);

impl Refusals {
    /// Notes what was refused to whom: a method and a route.
    pub(crate) fn note(&self, ctx: &Ctx, (method, route): (String, String), status: u16) {
        let actor = ctx.actor.as_ref().map(|actor| (actor.user_id, actor.session_id));
        let address = ctx.origin.address.clone();
        let refusal = Refusal { actor, address, method, route, status };
        metrics::counter!("sayso_access_refusals_total", "status" => refusal.status.to_string())
            .increment(1);
        let mut noted = self.0.lock();
        if noted.len() < NOTED_MAX || noted.contains_key(&refusal) {
            noted.entry(refusal).or_insert_with(|| (ctx.into(), 0)).1 += 1;
        } else {
            metrics::counter!("sayso_access_refusals_unwritten_total").increment(1);
        }
    }

    /// Notes what a socket was refused, of the kinds that are noted of HTTP.
    pub fn note_socket(&self, ctx: &Ctx, route: &str, fault: &Fault) {
        let kind = fault.kind();
        if matches!(kind, Kind::Unauthenticated | Kind::Forbidden | Kind::NotFound) {
            self.note(ctx, (SOCKET.to_owned(), route.to_owned()), kind.status());
        }
    }

    /// Writes what is noted, once a second and at the end, until told to stop.
    pub async fn run(self, db: Db, clock: Clock, random: Random, stop: CancellationToken) {
        let mut is_last = false;
        while !is_last {
            is_last = tokio::time::timeout(WRITE_EVERY, stop.cancelled()).await.is_ok();
            let noted = std::mem::take(&mut *self.0.lock());
            if noted.is_empty() {
                continue;
            }
            let count: u64 = noted.values().map(|(_, count)| u64::from(*count)).sum();
            let ctx = Ctx::anonymous(Via::System, clock.clone(), random.clone());
            if let Err(fault) = write(&db, &ctx, noted.into_iter().collect()).await {
                metrics::counter!("sayso_access_refusals_unwritten_total").increment(count);
                tracing::error!(%fault, "refusals could not be written to the audit");
            }
        }
    }
}

/// One commit for all of them.
///
/// Audit: `access.refused`, each with its count.
async fn write(db: &Db, ctx: &Ctx, noted: Vec<(Refusal, (Came, u32))>) -> Result<(), Fault> {
    let work = async move |tx: &mut Tx, _: &Ctx| {
        for (refusal, (first, count)) in &noted {
            tx.emit(events::access_refused(refusal, first.clone(), *count));
        }
        Ok(())
    };
    db.transaction(ctx, work).await
}

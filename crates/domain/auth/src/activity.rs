//! When people were last seen, and their sessions last used: a trace of use and
//! no change, so it has no fact. Noted in memory with each request and each
//! event of a socket, written off the requests in batches, at most once a
//! minute a session.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sayso_access::{Actor, Ctx, SessionId, UserId, Via};
use sayso_db::{Db, Tx};
use sayso_kernel::{Clock, Fault, Random, Timestamp};
use sayso_users::repo as users;
use tokio_util::sync::CancellationToken;

use crate::repo;

/// How often what was noted is written.
const WRITE_EVERY: Duration = Duration::from_secs(10);
/// How long a session is not noted again after it was.
const NOTED_FOR: Duration = Duration::from_secs(60);
/// Sessions that are remembered at the most; one that does not fit in is seen
/// later.
const SESSIONS_MAX: usize = 50_000;
/// Sessions that are written at once.
const BATCH_MAX: usize = 500;

/// Who was seen lately, and by which session. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Activity(Arc<Mutex<HashMap<SessionId, Seen>>>);

/// The latest use of a session; an API token stands in the place of one.
#[derive(Clone, Copy, Debug)]
struct Seen {
    user: UserId,
    at: Timestamp,
    is_written: bool,
}

/// A use that is to be written.
#[derive(Clone, Copy, Debug)]
struct Use {
    user: UserId,
    session: SessionId,
    at: Timestamp,
}

impl Activity {
    /// A person is seen. Costs a look into a map, and never waits.
    pub fn note(&self, actor: &Actor, now: Timestamp) {
        let (user, session) = (actor.user_id, actor.session_id);
        let mut sessions = self.0.lock();
        let is_recent = |seen: &Seen| now.duration_since(seen.at).unsigned_abs() < NOTED_FOR;
        if sessions.get(&session).is_some_and(is_recent) {
            return;
        }
        if sessions.len() < SESSIONS_MAX || sessions.contains_key(&session) {
            sessions.insert(session, Seen { user, at: now, is_written: false });
        } else {
            metrics::counter!("sayso_activity_unwritten_total").increment(1);
        }
    }

    /// What is to be written. What was written long enough ago is forgotten.
    fn take(&self, now: Timestamp) -> Vec<Use> {
        let mut due = Vec::new();
        self.0.lock().retain(|&session, seen| {
            if !seen.is_written {
                seen.is_written = true;
                due.push(Use { user: seen.user, session, at: seen.at });
                return true;
            }
            now.duration_since(seen.at).unsigned_abs() < NOTED_FOR
        });
        due
    }

    /// Writes what is noted, in batches. One that fails is lost: it is a trace.
    /// Tells `written` whose row shows something else now.
    pub async fn write(&self, db: &Db, ctx: &Ctx, written: impl Fn(UserId)) {
        for batch in self.take(ctx.now()).chunks(BATCH_MAX) {
            match write(db, ctx, batch.to_vec()).await {
                Ok(seen) => seen.into_iter().for_each(&written),
                Err(fault) => tracing::warn!(%fault, "who was seen could not be written"),
            }
        }
    }

    /// Writes what is noted every ten seconds and at the end, until told to
    /// stop.
    pub async fn run(
        self,
        db: Db,
        (clock, random): (Clock, Random),
        written: impl Fn(UserId),
        stop: CancellationToken,
    ) {
        let mut is_last = false;
        while !is_last {
            is_last = tokio::time::timeout(WRITE_EVERY, stop.cancelled()).await.is_ok();
            let ctx = Ctx::anonymous(Via::System, clock.clone(), random.clone());
            self.write(&db, &ctx, &written).await;
        }
    }
}

/// Writes the uses; the people of it whose rows changed.
async fn write(db: &Db, ctx: &Ctx, uses: Vec<Use>) -> Result<Vec<UserId>, Fault> {
    let work = async move |tx: &mut Tx, _: &Ctx| {
        // Of several sessions of one person the latest use counts.
        let mut people = HashMap::new();
        for one in &uses {
            let latest = people.entry(one.user).or_insert(one.at);
            *latest = one.at.max(*latest);
        }
        let people: Vec<_> = people.into_iter().collect();
        let seen = users::touch(tx, &people).await?;
        let sessions: Vec<_> = uses.iter().map(|one| (one.session, one.at)).collect();
        repo::touch(tx, &sessions).await?;
        Ok(seen)
    };
    db.transaction(ctx, work).await
}

#[cfg(test)]
mod tests {
    use sayso_access::{Givens, Role};
    use uuid::Uuid;

    use super::*;

    fn ann(session: u128) -> Actor {
        Actor {
            user_id: UserId(Uuid::nil()),
            session_id: SessionId(Uuid::from_u128(session)),
            role: Role::Staff,
            time_zone: "UTC".to_owned(),
            givens: Givens::default(),
        }
    }

    #[test]
    fn a_session_that_is_busy_is_written_once_a_minute() {
        let activity = Activity::default();
        let at = |secs| Timestamp::from_second(secs).expect("it is a time");
        let mut written = Vec::new();
        for second in 0..150 {
            activity.note(&ann(1), at(second));
            written.extend(activity.take(at(second)).into_iter().map(|one| one.at.as_second()));
        }

        assert_eq!(written, [0, 60, 120]);
    }

    #[test]
    fn each_session_of_a_person_is_noted() {
        let activity = Activity::default();
        activity.note(&ann(1), Timestamp::UNIX_EPOCH);
        activity.note(&ann(2), Timestamp::UNIX_EPOCH);

        assert_eq!(activity.take(Timestamp::UNIX_EPOCH).len(), 2);
    }

    #[test]
    fn what_is_not_used_any_more_is_forgotten() {
        let activity = Activity::default();
        activity.note(&ann(1), Timestamp::UNIX_EPOCH);

        let later = Timestamp::from_second(61).expect("it is a time");
        assert_eq!(activity.take(Timestamp::UNIX_EPOCH).len(), 1);
        assert!(activity.take(later).is_empty());
        assert!(activity.0.lock().is_empty());
    }
}

//! When people were last seen: a trace of use and no change, so it has no fact.
//! Noted in memory with each request, written off the requests in batches, at
//! most once a minute a person.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sayso_access::{Ctx, UserId, Via};
use sayso_db::{Db, Tx};
use sayso_kernel::{Clock, Fault, Random, Timestamp};
use sayso_users::repo as users;
use tokio_util::sync::CancellationToken;

/// How often what was noted is written.
const WRITE_EVERY: Duration = Duration::from_secs(10);
/// How long a person is not noted again after they were.
const NOTED_FOR: Duration = Duration::from_secs(60);
/// People who are remembered at the most; who does not fit in is seen later.
const PEOPLE_MAX: usize = 50_000;
/// People who are written at once.
const BATCH_MAX: usize = 500;

/// Who was seen lately. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Activity(Arc<Mutex<HashMap<UserId, Seen>>>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Timestamp,
    is_written: bool,
}

impl Activity {
    /// A person is seen. Costs a look into a map, and never waits.
    pub fn note(&self, user: UserId, now: Timestamp) {
        let mut people = self.0.lock();
        let is_recent = |seen: &Seen| now.duration_since(seen.at).unsigned_abs() < NOTED_FOR;
        if people.get(&user).is_some_and(is_recent) {
            return;
        }
        if people.len() < PEOPLE_MAX || people.contains_key(&user) {
            people.insert(user, Seen { at: now, is_written: false });
        } else {
            metrics::counter!("sayso_activity_unwritten_total").increment(1);
        }
    }

    /// What is to be written. Whoever was written long enough ago is forgotten.
    fn take(&self, now: Timestamp) -> Vec<(UserId, Timestamp)> {
        let mut due = Vec::new();
        self.0.lock().retain(|user, seen| {
            if !seen.is_written {
                seen.is_written = true;
                due.push((*user, seen.at));
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
                Ok(()) => batch.iter().for_each(|(user, _)| written(*user)),
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

async fn write(db: &Db, ctx: &Ctx, batch: Vec<(UserId, Timestamp)>) -> Result<(), Fault> {
    let work = async move |tx: &mut Tx, _: &Ctx| {
        users::touch(tx, &batch).await?;
        Ok(())
    };
    db.transaction(ctx, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_is_busy_is_written_once_a_minute() {
        let (activity, ann) = (Activity::default(), UserId(uuid::Uuid::nil()));
        let at = |secs| Timestamp::from_second(secs).expect("it is a time");
        let mut written = Vec::new();
        for second in 0..150 {
            activity.note(ann, at(second));
            written.extend(activity.take(at(second)).into_iter().map(|(_, at)| at.as_second()));
        }

        assert_eq!(written, [0, 60, 120]);
    }

    #[test]
    fn whoever_is_not_seen_any_more_is_forgotten() {
        let (activity, ann) = (Activity::default(), UserId(uuid::Uuid::nil()));
        activity.note(ann, Timestamp::UNIX_EPOCH);

        let later = Timestamp::from_second(61).expect("it is a time");
        assert_eq!(activity.take(Timestamp::UNIX_EPOCH).len(), 1);
        assert!(activity.take(later).is_empty());
        assert!(activity.0.lock().is_empty());
    }
}

//! Makes notifications from the log, and from the time.

use std::collections::HashMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sayso_access::{Ctx, Via};
use sayso_db::{Db, Tx};
use sayso_events::{Batch, Consumer, Hub};
use sayso_kernel::{Clock, Fault, Random};
use sayso_telemetry::trace::TraceContext;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::model::{Notification, NotificationId, Resource, Topic};
use crate::repo::{Due, Recipient};
use crate::rules::{self, Occasion};
use crate::{events, repo};

/// Events looked at in one transaction.
const EVENTS_MAX: i64 = 200;
/// Notifications made in one transaction; a transaction has at most 1,000
/// facts.
const MADE_MAX: usize = 900;
/// How often it looks without having been woken.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked for what is due.
const DUE_EVERY: Duration = Duration::from_secs(60);
/// How long before a task is due people are told.
const SOON: SignedDuration = SignedDuration::from_hours(24);
/// What has been overdue for longer when it is seen is old news.
const OLD: SignedDuration = SignedDuration::from_hours(72);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

const CONSUMER: Consumer = Consumer::new("notifications", EVENTS_MAX);

/// What makes notifications on one node. It may run on all of them.
#[derive(Clone, Debug)]
pub struct Worker {
    db: Db,
    hub: Hub,
    clock: Clock,
    random: Random,
}

impl Worker {
    /// One that works on the connections for background work.
    #[must_use]
    pub fn new(db: &Db, hub: Hub, clock: Clock, random: Random) -> Self {
        Self { db: db.background(), hub, clock, random }
    }

    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow() => {}
            () = self.watch_dates() => {}
        }
    }

    async fn follow(&self) {
        while let Err(fault) = self.enrol().await {
            pause_after(&fault).await;
        }
        loop {
            let seen = self.hub.applied().map_or(0, |applied| applied.position);
            match self.step().await {
                Ok(true) => {}
                Ok(false) => {
                    let _ = tokio::time::timeout(LOOK_EVERY, self.hub.wait_for(seen + 1)).await;
                }
                Err(fault) => pause_after(&fault).await,
            }
        }
    }

    async fn watch_dates(&self) {
        loop {
            match self.tell_due().await {
                Ok(true) => {}
                Ok(false) => tokio::time::sleep(DUE_EVERY).await,
                Err(fault) => pause_after(&fault).await,
            }
        }
    }

    fn ctx(&self) -> Ctx {
        Ctx::anonymous(Via::System, self.clock.clone(), self.random.clone())
    }

    /// Gives the consumer its place at the end of the log, if it has none.
    ///
    /// # Errors
    /// 503 when the database is away.
    pub async fn enrol(&self) -> Result<(), Fault> {
        let ctx = self.ctx();
        let work =
            self.db.transaction(&ctx, async move |tx, ctx| CONSUMER.enrol(tx, ctx.now()).await);
        work.await
    }

    /// Makes the notifications of the next events; whether there may be more.
    ///
    /// # Errors
    /// 503 when the database is away.
    pub async fn step(&self) -> Result<bool, Fault> {
        let (ctx, hub) = (self.ctx(), self.hub.clone());
        let work = self.db.transaction(&ctx, async move |tx, ctx| {
            let Some(batch) = CONSUMER.next(tx, &hub).await? else { return Ok(false) };
            let done = tell(tx, ctx, &batch).await?;
            CONSUMER.advance(tx, done, ctx.now()).await?;
            Ok(done < batch.head)
        });
        work.await
    }

    /// Tells of tasks that are due soon or overdue; whether there may be more.
    ///
    /// # Errors
    /// 503 when the database is away.
    pub async fn tell_due(&self) -> Result<bool, Fault> {
        let ctx = self.ctx();
        let work = self.db.transaction(&ctx, async move |tx, ctx| {
            if !repo::take_due_turn(tx).await? {
                return Ok(false);
            }
            let now = ctx.now();
            let span = (now - OLD, now, now + SOON);
            let limit = i64::try_from(MADE_MAX).unwrap_or(i64::MAX);
            let due = repo::due(tx, span, limit).await?;
            let made: Vec<_> = due.iter().map(|due| of_date(ctx, due)).collect();
            let is_full = made.len() == MADE_MAX;
            keep(tx, made, None, now).await?;
            Ok(is_full)
        });
        work.await
    }
}

async fn pause_after(fault: &Fault) {
    tracing::warn!(%fault, "notifications cannot be made at the moment");
    tokio::time::sleep(PAUSE).await;
}

/// Where in a trace each fact had its effect that people are told of, if it is
/// traced.
type Traces = HashMap<Uuid, Option<TraceContext>>;

/// Tells everybody of these events, as many as fit into one transaction.
/// Answers the position up to which everybody has been told.
async fn tell(tx: &mut Tx, ctx: &Ctx, batch: &Batch) -> Result<i64, Fault> {
    let mut done = batch.events.first().map_or(0, |event| event.position - 1);
    let (mut made, mut traces) = (Vec::new(), Traces::new());
    for event in &batch.events {
        if let Some(occasion) = rules::occasion(event) {
            let room = MADE_MAX - made.len();
            let limit = i64::try_from(room + 1).unwrap_or(i64::MAX);
            let mut to = repo::recipients(tx, &occasion, ctx.now(), limit).await?;
            let is_whole = to.len() <= room;
            to.truncate(room);
            if !to.is_empty() {
                traces.insert(occasion.fact_id, batch.go_on(event));
            }
            made.extend(to.iter().map(|to| of_occasion(ctx, &occasion, to)));
            if !is_whole {
                // Whoever was told is found no second time; the rest is next.
                break;
            }
        }
        done = event.position;
    }
    keep(tx, made, Some(&traces), ctx.now()).await?;
    Ok(done)
}

async fn keep(
    tx: &mut Tx,
    mut made: Vec<(Notification, Uuid)>,
    caused: Option<&Traces>,
    now: Timestamp,
) -> Result<(), Fault> {
    if made.is_empty() {
        return Ok(());
    }
    // They are made at one moment, which their events tell as their rows do.
    made.iter_mut().for_each(|(notification, _)| notification.created_at = now);
    repo::insert(tx, &made, now).await?;
    for (notification, fact) in &made {
        let trace = caused.and_then(|traces| traces.get(fact).cloned().flatten());
        tx.emit(events::created(notification, caused.map(|_| *fact)).in_trace(trace));
    }
    Ok(())
}

fn of_occasion(ctx: &Ctx, occasion: &Occasion, to: &Recipient) -> (Notification, Uuid) {
    let title = filled_in(occasion.title, to);
    let notification = notification(ctx, to, (occasion.topic, title, occasion.body.clone()));
    (Notification { resource: occasion.resource.clone(), ..notification }, occasion.fact_id)
}

fn of_date(ctx: &Ctx, due: &Due) -> (Notification, Uuid) {
    let title = match due.topic {
        Topic::Overdue => "A task should be done by now",
        _ => "A task is due soon",
    };
    let notification = notification(ctx, &due.to, (due.topic, title.to_owned(), due.title.clone()));
    let resource = Some(Resource { kind: "task".to_owned(), id: due.task });
    (Notification { resource, ..notification }, due.fact_id)
}

fn notification(
    ctx: &Ctx,
    to: &Recipient,
    (topic, title, body): (Topic, String, String),
) -> Notification {
    Notification {
        id: NotificationId(ctx.new_id()),
        user_id: to.user,
        topic,
        title,
        body,
        resource: None,
        silent: is_quiet(to, ctx.now()),
        read_at: None,
        created_at: ctx.now(),
    }
}

/// Whether it is a quiet hour where the person lives.
fn is_quiet(to: &Recipient, now: Timestamp) -> bool {
    let Some(quiet) = to.quiet else { return false };
    let zone = TimeZone::get(&to.time_zone).unwrap_or(TimeZone::UTC);
    let local = now.to_zoned(zone);
    quiet.contains(i16::from(local.hour()) * 60 + i16::from(local.minute()))
}

/// The title with its names.
fn filled_in(title: &str, to: &Recipient) -> String {
    let channel = to.channel_name.as_ref().map(|name| format!("#{name}"));
    title
        .replace("{actor}", to.actor_name.as_deref().unwrap_or("Sayso"))
        .replace("{channel}", channel.as_deref().unwrap_or("a conversation"))
        .replace("{task}", to.task_title.as_deref().unwrap_or("a task"))
}

#[cfg(test)]
mod tests {
    use sayso_access::UserId;

    use super::*;
    use crate::model::QuietHours;

    fn somebody(zone: &str) -> Recipient {
        Recipient {
            user: UserId(Uuid::nil()),
            time_zone: zone.to_owned(),
            quiet: Some(QuietHours { from: 22 * 60, to: 7 * 60 }),
            actor_name: Some("Ada".to_owned()),
            channel_name: None,
            task_title: None,
        }
    }

    #[test]
    fn quiet_hours_are_those_where_the_person_lives() {
        let at: Timestamp = "2026-01-05T21:30:00Z".parse().expect("a time");

        assert!(is_quiet(&somebody("Europe/Berlin"), at));
        assert!(!is_quiet(&somebody("UTC"), at));
        assert!(!is_quiet(&somebody("America/New_York"), at));
    }

    #[test]
    fn what_has_no_name_is_called_something() {
        let title = filled_in("{actor} mentioned you in {channel}", &somebody("UTC"));

        assert_eq!(title, "Ada mentioned you in a conversation");
    }
}

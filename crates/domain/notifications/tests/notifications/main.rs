//! Notifications on a real database, made from a real log.

mod blocked;
mod company;
mod mentioned;
mod world;

use std::time::Duration;

use sayso_access::Role;
use sayso_kernel::Patch;
use sayso_kernel::fault::{NOT_FOUND, STALE};
use sayso_notifications::model::{Filter, QuietHours, Topic, Which};
use sayso_notifications::preferences::{self, PreferencesEdit};
use sayso_notifications::{Notification, service};
use sayso_testkit::{TestDatabase, until};

use crate::company::Company;

#[tokio::test]
async fn every_statement_prepares_against_the_real_schema() {
    let database = TestDatabase::new().await;
    let client = database.app().await;

    for sql in sayso_notifications::statements() {
        let prepared = client.prepare(sql.text).await;
        assert!(prepared.is_ok(), "{}: {:?}", sql.name, prepared.err());
    }
}

fn topics(notifications: &[Notification]) -> Vec<Topic> {
    notifications.iter().map(|it| it.topic).collect()
}

#[tokio::test]
async fn whoever_is_assigned_is_told_once_and_whoever_assigns_is_not() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;

    company.task(&ada, "Order the cake", &[&ada, &bob], None).await;
    company.work().await;
    company.work().await;

    let told = company.told(&bob).await;
    assert_eq!(topics(&told), [Topic::Assigned]);
    assert_eq!(told[0].title, "ada assigned you a task");
    assert_eq!(told[0].body, "Order the cake");
    assert_eq!(company.told(&ada).await, []);
    assert_eq!(company.heard(&bob, "notification.created").await, 1);
    company.end().await;
}

#[tokio::test]
async fn a_worker_that_is_killed_and_two_that_work_at_once_tell_nobody_twice() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    for n in 0..60 {
        company.task(&ada, &format!("Task {n}"), &[&bob], None).await;
    }
    company.settle().await;

    // They are dropped in the middle of their work, wherever that is.
    for n in 0..40_u64 {
        let one = company.worker();
        let step = tokio::spawn(async move { one.step().await });
        let abort = step.abort_handle();
        let _ = tokio::time::timeout(Duration::from_micros(n * 150), step).await;
        abort.abort();
    }
    // What a dropped one held is free when the database has noticed.
    let (one, two) = (company.worker(), company.worker());
    until("everybody is told", Duration::from_secs(20), async || {
        let (a, b) = tokio::join!(company.work_with(&one), company.work_with(&two));
        a.and(b).expect("the database is there");
        (company.told(&bob).await.len() >= 60).then_some(())
    })
    .await;
    company.work().await;

    let told = company.told(&bob).await;
    assert_eq!(told.len(), 60);
    assert_eq!(company.heard(&bob, "notification.created").await, 60);
    company.end().await;
}

#[tokio::test]
async fn a_comment_is_told_to_the_people_of_the_task_but_not_to_its_author() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    let task = company.task(&ada, "Order the cake", &[&bob], None).await;
    company.comment(&bob, task, "Which\none?").await;
    company.work().await;

    let told = company.told(&ada).await;

    assert_eq!(topics(&told), [Topic::Commented]);
    assert_eq!(told[0].title, "bob commented on “Order the cake”");
    assert_eq!(told[0].body, "Which one?");
    assert_eq!(topics(&company.told(&bob).await), [Topic::Assigned]);
    company.end().await;
}

#[tokio::test]
async fn what_is_muted_is_not_told_and_quiet_hours_make_no_noise() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    let quiet = Patch::Set(QuietHours { from: 8 * 60, to: 10 * 60 });
    let edit = PreferencesEdit { muted: Some(vec![Topic::Commented]), quiet };
    company.prefer(&bob, 1, edit).await.expect("it is allowed");
    let task = company.task(&ada, "Order the cake", &[&bob], None).await;
    company.comment(&ada, task, "Please").await;
    company.work().await;

    let told = company.told(&bob).await;

    assert_eq!(topics(&told), [Topic::Assigned]);
    assert!(told[0].silent);
    company.end().await;
}

#[tokio::test]
async fn safety_cannot_be_muted_and_stale_preferences_are_refused() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let mute = |topic| PreferencesEdit { muted: Some(vec![topic]), ..Default::default() };

    let refused = company.prefer(&ann, 1, mute(Topic::Security)).await.expect_err("refused");
    assert_eq!(refused.errors()[0].code, "notification.cannot_be_muted");
    let after = company.prefer(&ann, 1, mute(Topic::Mentioned)).await.expect("it is allowed");
    assert_eq!(after.version, 2);
    let stale = company.prefer(&ann, 1, mute(Topic::Mentioned)).await.expect_err("stale");
    assert!(stale.is(&STALE));
    let again = company.prefer(&ann, 2, mute(Topic::Mentioned)).await.expect("nothing changes");
    assert_eq!(again.version, 2);
    let read = preferences::get(&mut company.database.db().read(), &company.ctx(&ann)).await;
    assert_eq!(read.expect("they are there"), after);
    company.end().await;
}

#[tokio::test]
async fn a_date_is_told_once_before_and_once_after_and_again_when_it_moves() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    company.task(&ada, "Soon", &[&bob], Some("2026-01-06T08:00:00Z")).await;
    company.task(&ada, "Later", &[&bob], Some("2026-02-01T08:00:00Z")).await;
    company.task(&ada, "Nobody's", &[], Some("2026-01-05T12:00:00Z")).await;
    company.work().await;

    company.tell_due().await;
    company.tell_due().await;
    let dates = |told: &[Notification]| {
        let is_date = |it: &&Notification| matches!(it.topic, Topic::DueSoon | Topic::Overdue);
        told.iter().filter(is_date).map(|it| (it.topic, it.body.clone())).collect::<Vec<_>>()
    };
    assert_eq!(dates(&company.told(&bob).await), [(Topic::DueSoon, "Soon".to_owned())]);
    assert_eq!(dates(&company.told(&ada).await), [(Topic::DueSoon, "Nobody's".to_owned())]);

    company.stage.advance(Duration::from_secs(24 * 3600));
    company.tell_due().await;
    company.tell_due().await;
    let told = dates(&company.told(&bob).await);
    assert_eq!(told[0], (Topic::Overdue, "Soon".to_owned()));
    assert_eq!(told.len(), 2);
    company.end().await;
}

#[tokio::test]
async fn reading_one_and_all_counts_down_and_other_devices_hear_it() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    for n in 0..3 {
        company.task(&ada, &format!("Task {n}"), &[&bob], None).await;
    }
    company.work().await;
    let told = company.told(&bob).await;

    let left = company.read(&bob, Which::These(vec![told[0].id])).await;
    assert_eq!(left.expect("they are bob's"), 2);
    let others = company.read(&ada, Which::These(vec![told[1].id])).await;
    assert_eq!(others.expect("nothing is ada's"), 0);
    let mut db = company.database.db().read();
    let hidden = service::get(&mut db, &company.ctx(&ada), told[1].id).await;
    assert!(hidden.expect_err("it is bob's").is(&NOT_FOUND));
    let left = company.read(&bob, Which::All).await;
    assert_eq!(left.expect("they are bob's"), 0);
    company.read(&bob, Which::All).await.expect("nothing is left");

    company.settle().await;
    assert_eq!(company.heard(&bob, "notification.read").await, 2);
    assert_eq!(company.heard(&ada, "notification.read").await, 0);
    company.end().await;
}

#[tokio::test]
async fn what_is_about_the_same_thing_is_one_group_and_pages_hold_each_once() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    let (cake, flowers) = (
        company.task(&bob, "Order the cake", &[&ada], None).await,
        company.task(&bob, "Order flowers", &[&ada], None).await,
    );
    for n in 0..3 {
        company.stage.advance(Duration::from_secs(1));
        company.comment(&ada, cake, &format!("Comment {n}")).await;
        company.work().await;
    }
    company.comment(&ada, flowers, "Red ones").await;
    company.work().await;
    let ctx = company.ctx(&bob);
    let mut db = company.database.db().read();

    let first = service::groups(&mut db, &ctx, &Filter::default(), None, 1).await.expect("a page");
    let cursor = first.next_cursor.clone();
    let rest = service::groups(&mut db, &ctx, &Filter::default(), cursor.as_deref(), 1).await;
    let rest = rest.expect("a page");

    let groups: Vec<_> = first.items.iter().chain(&rest.items).collect();
    let mut counts: Vec<_> = groups.iter().map(|it| (it.count, it.unread_count)).collect();
    counts.sort_unstable();
    assert_eq!(counts, [(1, 1), (3, 3)]);
    assert_eq!(rest.next_cursor, None);
    company.end().await;
}

#[tokio::test]
async fn unread_counts_what_others_said_in_channels_one_is_in() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    let channel = company.channel(&ada, "launch", &[&bob]).await;
    company.stage.advance(Duration::from_secs(1));
    company.say(&ada, channel, "Hello").await;
    company.say(&ada, channel, "World").await;

    let unread = async |actor| {
        let mut db = company.database.db().read();
        service::unread(&mut db, &company.ctx(actor)).await.expect("it can be counted")
    };

    let (channels, notifications) = unread(&bob).await;
    assert_eq!((channels.len(), notifications), (1, 0));
    assert_eq!((channels[0].channel_id, channels[0].unread_count), (channel, 2));
    assert_eq!(unread(&ada).await.0, []);
    company.end().await;
}

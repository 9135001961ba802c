//! Many writers at once: one of two editors wins, no reaction and no answer is
//! lost, and what is deleted stays as it was.

use sayso_access::Role;
use sayso_channels::model::ChannelKind;
use sayso_kernel::fault::{NOT_FOUND, STALE};
use sayso_kernel::{Fault, Kind};
use sayso_messages::model::Draft;
use sayso_messages::service;
use tokio::task::JoinHandle;

use crate::company::{Company, delete, react, saying, text, update};

/// The outcomes, in order.
async fn outcomes<T>(work: Vec<JoinHandle<Result<T, Fault>>>) -> Vec<Result<T, Fault>> {
    let mut outcomes = Vec::with_capacity(work.len());
    for one in work {
        outcomes.push(one.await.expect("no panic"));
    }
    outcomes
}

/// Does something again that had to wait too long behind the others.
macro_rules! patiently {
    ($work:expr) => {
        loop {
            match $work.await {
                Err(fault) if fault.kind() == Kind::Unavailable => tokio::task::yield_now().await,
                outcome => break outcome,
            }
        }
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_edits_of_one_version_one_wins_and_one_text_is_kept() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    let message = company.say(&ann, channel, "one").await;
    let mut work = Vec::new();
    for index in 0..40 {
        let (db, ctx) = (company.db(), company.ctx(&ann));
        work.push(tokio::spawn(async move {
            let edit = text(&format!("two {index}"));
            patiently!(update(&db, &ctx, message.id, 1, edit.clone()))
        }));
    }

    let outcomes = outcomes(work).await;

    let won: Vec<_> = outcomes.iter().filter_map(|one| one.as_ref().ok()).collect();
    assert_eq!(won.len(), 1);
    assert!(outcomes.iter().filter_map(|one| one.as_ref().err()).all(|fault| fault.is(&STALE)));
    assert_eq!(&company.get(&ann, message.id).await.expect("there"), won[0]);
    let kept = company.database.app().await;
    let kept = kept.query("SELECT content, version FROM message_revisions", &[]).await;
    let kept: Vec<(String, i32)> =
        kept.expect("readable").iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(kept, [("one".to_owned(), 1)]);
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_reactions_at_once_none_is_lost_and_each_is_told() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let mut people = Vec::new();
    for index in 0..50 {
        people.push(company.person(&format!("p{index}"), Role::Staff).await);
    }
    let members: Vec<_> = people.iter().collect();
    let channel = company.channel(&ann, ChannelKind::Private, &members).await;
    let message = company.say(&ann, channel, "done").await;
    let mut work = Vec::new();
    for (index, person) in people.iter().enumerate() {
        let (db, ctx) = (company.db(), company.ctx(person));
        let emoji = ["👍", "🎉", "🚀"][index % 3];
        work.push(tokio::spawn(
            async move { patiently!(react(&db, &ctx, message.id, &[emoji], &[])) },
        ));
    }

    assert!(outcomes(work).await.iter().all(Result::is_ok));

    let shown = company.get(&ann, message.id).await.expect("there");
    assert_eq!(shown.revision, 51);
    assert_eq!(shown.reactions.iter().map(|one| one.count).sum::<i64>(), 50);
    let told = company.kinds().await;
    assert_eq!(told.iter().filter(|kind| *kind == "message.reacted").count(), 50);
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn answers_sent_and_deleted_at_once_are_all_counted_by_their_head() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    let head = company.say(&ann, channel, "head").await;
    let mut work = Vec::new();
    for index in 0..30 {
        let (db, ctx) = (company.db(), company.ctx(&ann));
        work.push(tokio::spawn(async move {
            let draft = Draft { thread_id: Some(head.id), ..saying(&format!("{index}")) };
            let answer = patiently!(service::send(&db, &ctx, channel, &draft))?;
            if index % 3 == 0 {
                patiently!(delete(&db, &ctx, answer.id))?;
            }
            Ok(())
        }));
    }

    assert!(outcomes(work).await.iter().all(Result::is_ok));

    assert_eq!(company.get(&ann, head.id).await.expect("there").reply_count, 20);
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_deletion_nothing_happens_to_a_message_whatever_was_under_way() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    let mut work: Vec<JoinHandle<Result<(), Fault>>> = Vec::new();
    for _ in 0..8 {
        let head = company.say(&ann, channel, "head").await;
        for step in 0..6 {
            let (db, ctx) = (company.db(), company.ctx(&ann));
            work.push(tokio::spawn(async move {
                let draft = Draft { thread_id: Some(head.id), ..saying("answer") };
                match step {
                    0 | 5 => patiently!(update(&db, &ctx, head.id, 1, text("else"))).map(drop),
                    1 | 4 => patiently!(react(&db, &ctx, head.id, &["👍"], &[])).map(drop),
                    2 => patiently!(delete(&db, &ctx, head.id)),
                    _ => patiently!(service::send(&db, &ctx, channel, &draft)).map(drop),
                }
            }));
        }
    }

    let outcomes = outcomes(work).await;

    let allowed =
        |fault: &Fault| fault.is(&NOT_FOUND) || fault.is(&STALE) || fault.kind() == Kind::Invalid;
    assert!(outcomes.iter().all(|one| one.as_ref().err().is_none_or(allowed)), "{outcomes:?}");
    company.kinds().await;
    let late = company.database.app().await;
    let late = late.query(
        "SELECT a.type FROM event_log d
         JOIN event_log a ON a.data->>'id' = d.data->>'id' AND a.position > d.position
         WHERE d.type = 'message.deleted'",
        &[],
    );
    assert!(late.await.expect("readable").is_empty(), "something happened to a deleted message");
    company.end().await;
}

/// The statement that sends waits for the lock of somebody who is taking the
/// sender, or whom it names, out of the channel; then nothing is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_message_that_waited_for_a_removal_is_not_sent_and_names_nobody_who_is_gone() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let bob = company.person("bob", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    for (who, sender) in [("the mentioned", &ann), ("the sender", &bob)] {
        let mut owner = company.database.owner().await;
        let removal = owner.transaction().await.expect("begun");
        let sql = "DELETE FROM channel_members WHERE channel_id = $1 AND user_id = $2";
        removal.execute(sql, &[&channel, &bob.user_id]).await.expect("removed");
        let (db, ctx) = (company.db(), company.ctx(sender));
        let draft = Draft { mentions: vec![bob.user_id], ..saying("hello") };
        let waiting = tokio::spawn(async move { service::send(&db, &ctx, channel, &draft).await });
        let blocked = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let watch = company.database.app().await;
        let within = std::time::Duration::from_secs(10);
        sayso_testkit::until("the statement waits", within, async || {
            let row = watch.query_one(blocked, &[]).await.ok()?;
            (row.get::<_, i64>(0) > 0).then_some(())
        })
        .await;
        removal.commit().await.expect("committed");

        let refused = waiting.await.expect("no panic").expect_err(who);

        assert!(matches!(refused.kind(), Kind::Invalid | Kind::NotFound), "{who}: {refused}");
        let again = "INSERT INTO channel_members (channel_id, user_id, role, joined_at)
                     VALUES ($1, $2, 'member', now())";
        owner.execute(again, &[&channel, &bob.user_id]).await.expect("back");
    }
    assert_eq!(company.kinds().await, Vec::<String>::new());
    company.end().await;
}

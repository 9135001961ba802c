//! Deleting tasks and bringing them back.

use sayso_access::Role;
use sayso_channels::model::ChannelKind;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND, STALE};
use sayso_tasks::dependency::{self, DependencyChange, DependencyType};
use sayso_tasks::status::Status;
use sayso_tasks::{comment, history};

use crate::company::{Company, Heard, titled, to};

#[tokio::test]
async fn a_comment_comes_back_to_who_took_it_back_and_to_who_runs_the_channel() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let draft = sayso_tasks::model::Draft { channel_id: Some(channel), ..titled("one") };
    let task = company.create(&ann, draft).await.expect("made");
    let said = company.comment(&bob, task.id, "words").await.expect("said");

    company.uncomment(&bob, &said).await.expect("taken back");
    let back = company.restore_comment(&bob, &said).await.expect("restored");
    let same = company.restore_comment(&bob, &said).await.expect("no change");
    company.uncomment(&ann, &said).await.expect("removed");
    let refused = company.restore_comment(&bob, &said).await.expect_err("removed by another");
    let again = company.restore_comment(&ann, &said).await.expect("restored");

    assert_eq!((&*back.content, back.version, back.revision), ("words", 3, 3));
    assert_eq!(same, back);
    assert!(refused.is(&FORBIDDEN), "{refused}");
    assert_eq!(again.version, 5);
    let events = company.events().await;
    let kinds: Vec<&str> = events.iter().map(|heard| &*heard.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "task.comment_restored").count(), 2);
    assert_eq!(events.last().expect("events").data["content"], "words");
    company.end().await;
}

#[tokio::test]
async fn a_deleted_task_is_gone_for_everybody_and_comes_back_with_what_belongs_to_it() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let blocker = company.made(&ann, "blocker").await;
    let waiting = company.made(&ann, "waiting").await;
    company.assign(&ann, blocker.id, &[&bob], &[]).await.expect("assigned");
    company.block(&ann, waiting.id, &[blocker.id]).await.expect("related");
    company.comment(&bob, blocker.id, "soon").await.expect("said");

    let refused = company.delete(&bob, blocker.id).await.expect_err("an assignee");
    company.delete(&ann, blocker.id).await.expect("deleted");
    let gone = company.get(&ann, blocker.id).await.expect_err("gone");
    let free = company.get(&ann, waiting.id).await.expect("there");
    let late = company.assign(&ann, blocker.id, &[], &[&bob]).await.expect_err("gone");
    let stranger = company.restore(&bob, blocker.id).await.expect_err("an assignee");
    let back = company.restore(&ann, blocker.id).await.expect("restored");
    let again = company.restore(&ann, blocker.id).await.expect("no change");

    assert!(refused.is(&FORBIDDEN) && gone.is(&NOT_FOUND) && late.is(&NOT_FOUND));
    assert!(stranger.is(&FORBIDDEN));
    assert!(!free.blocked);
    assert_eq!((&back.assigned_to, back.version), (&vec![bob.user_id], 3));
    assert_eq!(again, back);
    assert!(company.get(&ann, waiting.id).await.expect("there").blocked);
    let ctx = company.stage.as_actor(&ann);
    let mut db = company.database.db().read();
    let said = comment::list(&mut db, &ctx, blocker.id, None, 20).await.expect("a page");
    assert_eq!(said.items.len(), 1);
    let heard: Vec<String> = company.heard().await.into_iter().map(|(kind, _)| kind).collect();
    let tail = ["task.deleted", "task.updated", "task.restored", "task.updated"];
    assert_eq!(heard[heard.len() - 4..], tail);
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    company.end().await;
}

/// What was told since: each task by its title, and what it shows else.
fn told(events: &[Heard]) -> Vec<(String, String, i64)> {
    let updated = events.iter().filter(|event| event.kind == "task.updated");
    let mut told: Vec<_> = updated
        .map(|event| {
            let revision = event.data["revision"].as_i64().expect("a revision");
            (text(&event.data["title"]), event.change["fields"].to_string(), revision)
        })
        .collect();
    told.sort_unstable();
    told
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn whatever_had_to_do_with_a_deleted_task_tells_that_it_went_and_that_it_is_back() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let made = async |title: &str| company.made(&ann, title).await.id;
    let (near, twin, waits) = (made("near").await, made("twin").await, made("waits").await);
    let (first, gone, _) = (made("first").await, made("gone").await, made("other").await);
    let add = |other, kind| DependencyChange { add: vec![(other, kind)], remove: Vec::new() };
    let relations = [
        (gone, near, DependencyType::Relates),
        (near, gone, DependencyType::Relates),
        (twin, gone, DependencyType::Duplicates),
        (waits, gone, DependencyType::Blocks),
        (gone, first, DependencyType::Blocks),
    ];
    for (id, other, kind) in relations {
        company.relate(&ann, id, add(other, kind)).await.expect("related");
    }
    let before = company.events().await.len();

    company.delete(&ann, gone).await.expect("deleted");
    let away = company.events().await;
    company.restore(&ann, gone).await.expect("restored");
    let back = company.events().await;

    assert_eq!(away[before].kind, "task.deleted");
    assert_eq!(back[away.len()].kind, "task.restored");
    let expected = |revisions: [i64; 4]| {
        let fields = [
            ("first", r#"["dependents"]"#),
            ("near", r#"["dependencies","dependents"]"#),
            ("twin", r#"["dependencies"]"#),
            ("waits", r#"["dependencies","blocked"]"#),
        ];
        let all = fields.into_iter().zip(revisions);
        all.map(|((title, fields), n)| (title.to_owned(), fields.to_owned(), n)).collect::<Vec<_>>()
    };
    assert_eq!(told(&away[before..]), expected([3, 4, 3, 3]));
    assert_eq!(told(&back[away.len()..]), expected([4, 5, 4, 4]));
    let ctx = company.stage.as_actor(&ann);
    let mut db = company.database.db().read();
    let page = history::list(&mut db, &ctx, waits, None, 20).await.expect("a page");
    let actions: Vec<&str> = page.items.iter().map(|entry| &*entry.action).collect();
    assert_eq!(actions, ["dependencies_changed"; 3]);
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    company.end().await;
}

#[tokio::test]
async fn a_relation_that_would_close_a_circle_by_now_does_not_come_back() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let made = [
        company.made(&ann, "a").await,
        company.made(&ann, "b").await,
        company.made(&ann, "c").await,
    ];
    let [a, b, c] = made.map(|task| task.id);
    company.block(&ann, a, &[b]).await.expect("a waits for b");
    company.block(&ann, b, &[c]).await.expect("b waits for c");
    company.delete(&ann, b).await.expect("deleted");
    company.block(&ann, c, &[a]).await.expect("no circle while b is away");

    let back = company.restore(&ann, b).await.expect("restored");

    assert!(!back.blocked, "it no longer waits for c");
    let ctx = company.stage.as_actor(&ann);
    let mut db = company.database.db().read();
    let left = dependency::relations(&mut db, &ctx, &[b]).await.expect("read");
    assert_eq!((left[&b].dependencies.len(), left[&b].dependents.len()), (0, 1));
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    company.end().await;
}

#[tokio::test]
async fn a_version_that_is_sent_with_a_deletion_must_be_the_present_one() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let task = company.made(&ann, "plan").await;
    company.update(&ann, task.id, 1, to(Status::Review)).await.expect("edited");

    let ctx = company.stage.as_actor(&ann);
    let stale = company.database.db().transaction(&ctx, async move |tx, ctx| {
        sayso_tasks::trash::delete_in(tx, ctx, task.id, Some(1)).await
    });

    assert!(stale.await.is_err_and(|fault| fault.is(&STALE)));
    assert!(company.get(&ann, task.id).await.is_ok());
    company.end().await;
}

//! What tasks wait for, what is said about them, and who changed what.

use sayso_access::Role;
use sayso_channels::model::ChannelKind;
use sayso_kernel::Kind;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND, STALE};
use sayso_tasks::dependency::{self, DependencyChange, DependencyType};
use sayso_tasks::error::{BLOCKED, DEPENDENCY_CIRCLE};
use sayso_tasks::model::{Draft, Edit};
use sayso_tasks::status::Status;
use sayso_tasks::{comment, history};
use sayso_testkit::judge;
use serde_json::json;

use crate::company::{Company, titled, to};

#[tokio::test]
async fn a_task_is_blocked_while_what_it_waits_for_is_open_and_its_people_hear_each_flip() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let first = company.made(&ann, "first").await;
    let second = company.made(&ann, "second").await;

    let waiting = company.block(&ann, second.id, &[first.id]).await.expect("related");
    let again = company.block(&ann, second.id, &[first.id]).await.expect("no change");
    company.update(&ann, first.id, 1, to(Status::Done)).await.expect("finished");
    let free = company.get(&ann, second.id).await.expect("there");
    company.update(&ann, first.id, 2, to(Status::InProgress)).await.expect("opened");
    let blocked = company.get(&ann, second.id).await.expect("there");
    let remove = DependencyChange { add: Vec::new(), remove: vec![(first.id, None)] };
    let removed = company.relate(&ann, second.id, remove).await.expect("removed");

    assert_eq!((waiting.blocked, waiting.version, waiting.revision), (true, 1, 2));
    assert_eq!(again, waiting);
    assert_eq!((free.blocked, free.version, free.revision), (false, 1, 3));
    assert!(blocked.blocked && !removed.blocked);
    judge::assert_settled(company.database.db()).await;
    let rows = company.database.app().await;
    let rows = rows.query(
        "SELECT data->>'id', data->>'blocked', change->>'fields', correlation_id FROM event_log
         WHERE type = 'task.updated' ORDER BY position",
        &[],
    );
    let rows = rows.await.expect("readable");
    let heard: Vec<(bool, &str, &str)> = rows
        .iter()
        .map(|row| (row.get::<_, &str>(0) == second.id.to_string(), row.get(1), row.get(2)))
        .collect();
    let expected = [
        (true, "true", r#"["dependencies","blocked"]"#),
        (false, "false", r#"["dependents"]"#),
        (false, "false", r#"["status","completedAt"]"#),
        (true, "false", r#"["blocked"]"#),
        (false, "false", r#"["status","completedAt"]"#),
        (true, "true", r#"["blocked"]"#),
        (true, "false", r#"["dependencies","blocked"]"#),
        (false, "false", r#"["dependents"]"#),
    ];
    assert_eq!(heard, expected);
    let cause = |at: usize| rows[at].get::<_, uuid::Uuid>(3);
    assert_eq!(cause(2), cause(3), "the flip is part of the commit that caused it");
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    company.end().await;
}

#[tokio::test]
async fn finishing_a_blocked_task_names_the_blockers_and_takes_a_reason_for_the_audit() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let seen = company.made(&ann, "seen").await;
    let hidden = company.made(&bob, "hidden").await;
    let task = company.made(&ann, "task").await;
    company.assign(&bob, hidden.id, &[&ann], &[]).await.expect("assigned");
    company.block(&ann, task.id, &[seen.id, hidden.id]).await.expect("related");
    company.assign(&bob, hidden.id, &[], &[&ann]).await.expect("unassigned");

    let refused = company.update(&ann, task.id, 1, to(Status::Done)).await.expect_err("blocked");
    let cancelled = company.update(&ann, task.id, 1, to(Status::Cancelled)).await;
    let around = company.update(&ann, task.id, 2, to(Status::Done)).await.expect_err("waits");
    let opened = company.update(&ann, task.id, 2, to(Status::Todo)).await.expect("opened");
    let why = Edit { override_reason: Some("the boss said so".into()), ..to(Status::Done) };
    let done = company.update(&ann, task.id, 3, why).await.expect("finished");

    assert!(refused.is(&BLOCKED) && around.is(&BLOCKED), "cancelling is no way around");
    let named = refused.current_value().map(|now| now["blockers"].clone());
    let expected = json!([{ "id": seen.id, "title": "seen", "status": "todo" }]);
    assert_eq!(named, Some(expected));
    assert_eq!(refused.detail_text(), "It waits for “seen”, tasks you do not see");
    assert!(!cancelled.expect("cancelled").blocked && opened.blocked && !done.blocked);
    judge::assert_settled(company.database.db()).await;
    let client = company.database.app().await;
    let sql = "SELECT entry FROM audit_log WHERE action = 'task.updated' ORDER BY seq DESC LIMIT 1";
    let entry: String = client.query_one(sql, &[]).await.expect("an entry").get(0);
    assert!(entry.contains("the boss said so"), "{entry}");
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    company.end().await;
}

#[tokio::test]
async fn a_circle_is_refused_with_the_way_round_and_hides_what_one_does_not_see() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let tasks = [
        company.made(&ann, "a").await,
        company.made(&bob, "b").await,
        company.made(&ann, "c").await,
    ];
    let [a, b, c] = tasks.map(|task| task.id);
    for id in [a, c] {
        company.assign(&ann, id, &[&bob], &[]).await.expect("assigned");
    }
    company.block(&bob, a, &[b]).await.expect("a waits for b");
    company.block(&bob, b, &[c]).await.expect("b waits for c");

    let refused = company.block(&ann, c, &[a]).await.expect_err("a circle");
    let itself = company.block(&ann, a, &[a]).await.expect_err("a small circle");
    let others = DependencyChange {
        add: vec![(a, DependencyType::Relates), (a, DependencyType::Duplicates)],
        remove: Vec::new(),
    };
    let related = company.relate(&ann, c, others).await;

    assert!(refused.is(&DEPENDENCY_CIRCLE) && itself.is(&DEPENDENCY_CIRCLE));
    let path = refused.current_value().map(|now| now["path"].clone());
    let expected = json!([
        { "id": c, "title": "c" }, { "id": a, "title": "a" },
        { "id": null, "title": null }, { "id": c, "title": "c" },
    ]);
    assert_eq!(path, Some(expected));
    assert!(related.is_ok(), "only what blocks must not close a circle");
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    company.end().await;
}

#[tokio::test]
async fn both_ends_show_a_relation_but_not_to_who_does_not_see_the_other_end() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    // A task without a channel is in none of those there are.
    let mia = company.person("mia", Role::Manager, None).await;
    company.channel(&mia, ChannelKind::Public, &[]).await;
    let own = company.made(&ann, "own").await;
    let shared = company.made(&ann, "shared").await;
    company.assign(&ann, shared.id, &[&bob], &[]).await.expect("assigned");
    company.block(&ann, shared.id, &[own.id]).await.expect("related");

    let of = async |actor, id| {
        let ctx = company.stage.as_actor(actor);
        let mut db = company.database.db().read();
        let all = dependency::relations(&mut db, &ctx, &[id]).await.expect("read");
        all.get(&id).cloned().unwrap_or_default()
    };
    let (there, back, hidden) =
        (of(&ann, shared.id).await, of(&ann, own.id).await, of(&bob, shared.id).await);
    let unknown = company.block(&bob, shared.id, &[own.id]).await.expect_err("not seen");

    assert_eq!(there.dependencies[0].other.title, "own");
    assert_eq!(back.dependents[0].other.title, "shared");
    assert_eq!((there.dependents.len(), back.dependencies.len()), (0, 0));
    assert_eq!(hidden, dependency::Relations::default());
    assert_eq!((unknown.kind(), unknown.errors()[0].code), (Kind::Invalid, "task.unknown"));
    company.end().await;
}

#[tokio::test]
async fn comments_are_heard_with_the_task_and_their_text_stays_out_of_the_audit() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let eve = company.person("eve", Role::Staff, None).await;
    let channel = company.channel(&ann, ChannelKind::Public, &[&bob]).await;
    let task = Draft { channel_id: Some(channel), ..titled("plan") };
    let task = company.create(&ann, task).await.expect("made");

    company.comment(&ann, task.id, "first words").await.expect("said");
    company.comment(&bob, task.id, "second words").await.expect("said");
    let outside = company.comment(&eve, task.id, "let me in").await;

    assert!(outside.is_err_and(|fault| fault.is(&FORBIDDEN)));
    let ctx = company.stage.as_actor(&eve);
    let mut db = company.database.db().read();
    let page = comment::list(&mut db, &ctx, task.id, None, 1).await.expect("a page");
    let rest = comment::list(&mut db, &ctx, task.id, page.next_cursor.as_deref(), 1).await;
    let said = [&page.items[0], &rest.expect("a page").items[0]].map(|c| c.content.clone());
    assert_eq!(said, ["second words", "first words"]);
    let heard = company.heard().await.pop().expect("an event");
    assert_eq!(heard, ("task.commented".into(), vec![format!("channel:{channel}")]));
    let sql = "SELECT count(*) FROM audit_log WHERE entry LIKE '%words%'";
    let told: i64 = company.database.app().await.query_one(sql, &[]).await.expect("read").get(0);
    assert_eq!(told, 0);
    company.end().await;
}

#[tokio::test]
async fn the_history_tells_who_changed_what_but_not_the_long_text() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let task = company.made(&ann, "plan").await;
    let edit = Edit {
        title: Some("better plan".into()),
        description: sayso_kernel::Patch::Set("a long story".into()),
        ..Edit::default()
    };
    company.update(&ann, task.id, 1, edit).await.expect("edited");
    company.stage.advance(std::time::Duration::from_secs(1));
    company.assign(&ann, task.id, &[&bob], &[]).await.expect("assigned");

    let ctx = company.stage.as_actor(&bob);
    let mut db = company.database.db().read();
    let page = history::list(&mut db, &ctx, task.id, None, 20).await.expect("a page");
    let told: Vec<_> = page.items.iter().map(|entry| (&*entry.action, &entry.changes)).collect();

    let (assigned, edited) = (
        json!([{ "field": "assignedTo", "added": [bob.user_id], "removed": [] }]),
        json!([{ "field": "title", "before": "plan", "after": "better plan" },
               { "field": "description" }]),
    );
    assert_eq!(told, [("assigned", &assigned), ("updated", &edited)]);
    assert!(page.items.iter().all(|entry| entry.actor_id == Some(ann.user_id)));
    let eve = company.person("eve", Role::Staff, None).await;
    let hidden = history::list(&mut db, &company.stage.as_actor(&eve), task.id, None, 20).await;
    assert!(hidden.is_err_and(|fault| fault.is(&NOT_FOUND)));
    company.end().await;
}

#[tokio::test]
async fn ones_own_comment_can_be_edited_and_deleted_and_an_admin_may_take_it_away() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let channel = company.channel(&ann, ChannelKind::Public, &[&bob]).await;
    let task = Draft { channel_id: Some(channel), ..titled("plan") };
    let task = company.create(&ann, task).await.expect("made").id;
    let first = company.comment(&bob, task, "first words").await.expect("said");
    let other = company.comment(&ann, task, "other words").await.expect("said");

    let edited = company.recomment(&bob, &first, 1, "better words").await.expect("edited");
    let same = company.recomment(&bob, &first, 2, "better words").await.expect("no change");
    let stale = company.recomment(&bob, &first, 1, "worse words").await.expect_err("stale");
    let foreign = company.recomment(&ann, &first, 2, "my words").await.expect_err("not hers");
    let refused = company.uncomment(&bob, &other).await.expect_err("not his");
    company.uncomment(&ann, &first).await.expect("she runs the channel");
    let gone = company.uncomment(&bob, &first).await.expect_err("gone");

    assert_eq!((&*edited.content, edited.version), ("better words", 2));
    assert_eq!(same, edited);
    assert!(stale.is(&STALE) && stale.current_value().is_some());
    assert!(foreign.is(&FORBIDDEN) && refused.is(&FORBIDDEN) && gone.is(&NOT_FOUND));
    let events = company.events().await;
    let [.., changed, deleted] = &events[..] else { panic!("two events") };
    assert_eq!(
        (&*changed.kind, &changed.data["content"]),
        ("task.comment_edited", &json!("better words"))
    );
    assert_eq!(deleted.kind, "task.comment_deleted");
    assert_eq!(deleted.data, json!({ "id": first.id, "taskId": task }));
    assert_eq!(deleted.streams, [format!("channel:{channel}")]);
    let sql = "SELECT count(*) FROM audit_log WHERE entry LIKE '%words%'";
    let told: i64 = company.database.app().await.query_one(sql, &[]).await.expect("read").get(0);
    assert_eq!(told, 0);
    company.end().await;
}

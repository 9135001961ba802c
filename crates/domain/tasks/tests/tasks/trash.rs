//! Deleting tasks and bringing them back.

use sayso_access::Role;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND, STALE};
use sayso_tasks::comment;
use sayso_tasks::dependency;
use sayso_tasks::status::Status;

use crate::company::{Company, to};

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

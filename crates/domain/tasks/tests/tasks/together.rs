//! Many writers at once: circles, assignment against deletion, paging.

use sayso_access::Role;
use sayso_kernel::{Fault, Kind};
use sayso_tasks::assignment::{self, Assignment};
use sayso_tasks::comment;
use sayso_tasks::dependency::DependencyChange;
use sayso_tasks::error::DEPENDENCY_CIRCLE;
use sayso_tasks::status::Status;
use sayso_tasks::{Task, TaskId};
use sayso_testkit::judge;
use tokio::task::JoinHandle;

use crate::company::{Company, blocked_by, delete, relate, to, update};

/// The outcomes, in order.
async fn outcomes<T>(work: Vec<JoinHandle<Result<T, Fault>>>) -> Vec<Result<T, Fault>> {
    let mut outcomes = Vec::with_capacity(work.len());
    for one in work {
        outcomes.push(one.await.expect("no panic"));
    }
    outcomes
}

/// A writer that had to wait too long behind the others may be told so, nothing
/// else.
fn is_patience(fault: &Fault) -> bool {
    fault.kind() == Kind::Unavailable
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_halves_of_a_circle_inserted_at_once_one_is_refused() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let mut pairs = Vec::new();
    for index in 0..20 {
        let made = [
            company.made(&ann, &format!("a {index}")).await,
            company.made(&ann, &format!("b {index}")).await,
        ];
        pairs.push(made.map(|task| task.id));
    }
    let mut work = Vec::new();
    for [a, b] in &pairs {
        for (task, other) in [(*a, *b), (*b, *a)] {
            let (db, ctx) = (company.database.db().clone(), company.stage.as_actor(&ann));
            work.push(tokio::spawn(
                async move { relate(&db, &ctx, task, blocked_by(&[other])).await },
            ));
        }
    }

    let outcomes = outcomes(work).await;

    let refused = |fault: &Fault| fault.is(&DEPENDENCY_CIRCLE) || is_patience(fault);
    assert!(outcomes.iter().all(|one| one.as_ref().err().is_none_or(refused)));
    let circles =
        outcomes.iter().filter(|one| one.as_ref().is_err_and(|fault| fault.is(&DEPENDENCY_CIRCLE)));
    assert!(circles.count() > 0);
    assert!(outcomes.iter().filter(|one| one.is_ok()).count() > 0);
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_long_circle_is_never_closed_by_many_links_at_once() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let mut ids = Vec::new();
    for index in 0..12 {
        ids.push(company.made(&ann, &format!("link {index}")).await.id);
    }
    let mut work = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        let next = ids[(index + 1) % ids.len()];
        let (db, ctx, id) = (company.database.db().clone(), company.stage.as_actor(&ann), *id);
        work.push(tokio::spawn(async move { relate(&db, &ctx, id, blocked_by(&[next])).await }));
    }

    let outcomes = outcomes(work).await;

    let ways: Vec<_> = outcomes
        .iter()
        .filter_map(|one| one.as_ref().err())
        .filter(|fault| fault.is(&DEPENDENCY_CIRCLE))
        .map(|fault| {
            fault.current_value().map_or(0, |now| now["path"].as_array().map_or(0, Vec::len))
        })
        .collect();
    assert!(ways.len() <= 1, "only the last link closes it");
    assert!(ways.iter().all(|len| *len == ids.len() + 1), "{ways:?}");
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn blocked_stays_true_while_blockers_finish_and_relations_come_and_go() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let waiting = company.made(&ann, "waiting").await.id;
    let mut blockers = Vec::new();
    for index in 0..8 {
        blockers.push(company.made(&ann, &format!("blocker {index}")).await.id);
    }
    let mut work: Vec<JoinHandle<Result<Task, Fault>>> = Vec::new();
    for blocker in &blockers {
        let (db, ctx, blocker) =
            (company.database.db().clone(), company.stage.as_actor(&ann), *blocker);
        let (db2, ctx2) = (db.clone(), ctx.clone());
        work.push(tokio::spawn(async move {
            update(&db, &ctx, blocker, 1, to(Status::Done)).await?;
            update(&db, &ctx, blocker, 2, to(Status::Todo)).await?;
            update(&db, &ctx, blocker, 3, to(Status::Done)).await
        }));
        work.push(tokio::spawn(async move {
            relate(&db2, &ctx2, waiting, blocked_by(&[blocker])).await?;
            let remove = DependencyChange { add: Vec::new(), remove: vec![(blocker, None)] };
            relate(&db2, &ctx2, waiting, remove).await?;
            relate(&db2, &ctx2, waiting, blocked_by(&[blocker])).await
        }));
    }

    let outcomes = outcomes(work).await;

    assert!(outcomes.iter().all(|one| one.as_ref().err().is_none_or(is_patience)));
    assert!(outcomes.iter().filter(|one| one.is_ok()).count() > 8);
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    judge::assert_settled(company.database.db()).await;
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn assignment_against_deletion_leaves_no_assignment_behind_the_deletion() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let mut ids: Vec<TaskId> = Vec::new();
    for index in 0..10 {
        let id = company.made(&ann, &format!("task {index}")).await.id;
        if let Some(previous) = ids.last() {
            company.block(&ann, id, &[*previous]).await.expect("related");
        }
        ids.push(id);
    }
    let mut work: Vec<JoinHandle<Result<(), Fault>>> = Vec::new();
    for id in ids {
        for step in 0..6 {
            let (db, ctx) = (company.database.db().clone(), company.stage.as_actor(&ann));
            let bob = bob.user_id;
            work.push(tokio::spawn(async move {
                let (assign, unassign) = match step {
                    2 => return delete(&db, &ctx, id).await,
                    0 | 3 | 5 => (vec![bob], Vec::new()),
                    _ => (Vec::new(), vec![bob]),
                };
                let change = Assignment { assign, unassign };
                let work = db.transaction(&ctx, async move |tx, ctx| {
                    assignment::assign_in(tx, ctx, id, &change).await
                });
                work.await.map(|_| ())
            }));
        }
    }

    let outcomes = outcomes(work).await;

    let allowed = |fault: &Fault| fault.kind() == Kind::NotFound || is_patience(fault);
    assert!(outcomes.iter().all(|one| one.as_ref().err().is_none_or(allowed)));
    judge::assert_settled(company.database.db()).await;
    let client = company.database.app().await;
    let late = client.query(
        "SELECT a.position FROM event_log d
         JOIN event_log a ON a.data->>'id' = d.data->>'id' AND a.position > d.position
         WHERE d.type = 'task.deleted' AND a.type IN ('task.assigned', 'task.updated')",
        &[],
    );
    assert!(late.await.expect("readable").is_empty(), "something happened to a deleted task");
    let left = client.query(
        "SELECT t.id FROM tasks t
         WHERE t.deleted_at IS NOT NULL AND t.assigned_to <> coalesce((
             SELECT array(SELECT json_array_elements_text(e.data->'assignedTo')::uuid)
             FROM event_log e WHERE e.data->>'id' = t.id::text AND e.type = 'task.assigned'
             ORDER BY e.position DESC LIMIT 1), '{}')",
        &[],
    );
    assert!(left.await.expect("readable").is_empty(), "an assignment nobody heard of");
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_of_comments_neither_skip_nor_repeat_while_more_are_written() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let task = company.made(&ann, "plan").await;
    let mut before = Vec::new();
    for index in 0..30 {
        before.push(company.comment(&ann, task.id, &format!("{index}")).await.expect("said").id);
    }
    let (db, ctx) = (company.database.db().clone(), company.stage.as_actor(&ann));
    let writer = tokio::spawn(async move {
        for index in 0..60 {
            let work = db.transaction(&ctx, async move |tx, ctx| {
                comment::add_in(tx, ctx, task.id, &format!("new {index}")).await
            });
            work.await.expect("said");
        }
    });

    while !writer.is_finished() {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut db = company.database.db().read();
            let ctx = company.stage.as_actor(&ann);
            let page = comment::list(&mut db, &ctx, task.id, cursor.as_deref(), 7).await;
            let page = page.expect("a page");
            seen.extend(page.items.iter().map(|comment| comment.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        for id in &before {
            assert_eq!(seen.iter().filter(|seen| *seen == id).count(), 1);
        }
    }

    writer.await.expect("no panic");
    company.end().await;
}

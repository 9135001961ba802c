//! Many writers at once: circles, assignment against deletion, paging.

use sayso_access::Role;
use sayso_channels::model::ChannelKind;
use sayso_kernel::{Fault, Kind};
use sayso_tasks::assignment::{self, Assignment};
use sayso_tasks::comment;
use sayso_tasks::dependency::DependencyChange;
use sayso_tasks::error::DEPENDENCY_CIRCLE;
use sayso_tasks::model::{Draft, Edit};
use sayso_tasks::status::Status;
use sayso_tasks::{Task, TaskId, service};
use sayso_testkit::judge;
use tokio::task::JoinHandle;

use crate::company::{
    Company, blocked_by, bulk, delete, item, moved_to, relate, titled, to, update,
};

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

/// What a writer among many may be told: that somebody was quicker, or that the
/// task still waits.
fn is_of_others(fault: &Fault) -> bool {
    matches!(fault.kind(), Kind::Stale | Kind::Conflict) || is_patience(fault)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_edits_at_once_beside_single_ones_neither_wait_for_each_other_nor_lose_any() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let mut ids = Vec::new();
    for index in 0..6 {
        ids.push(company.made(&ann, &format!("task {index}")).await.id);
    }
    // Against the order of ids: the last is what all others wait for.
    for pair in ids.windows(2) {
        company.block(&ann, pair[0], &[pair[1]]).await.expect("related");
    }
    let statuses = [Status::Done, Status::Todo, Status::Cancelled];
    let mut work: Vec<JoinHandle<Result<(), Fault>>> = Vec::new();
    for round in 0..12_usize {
        let (db, ctx, ids) =
            (company.database.db().clone(), company.stage.as_actor(&ann), ids.clone());
        let edit = Edit { override_reason: Some("now".into()), ..to(statuses[round % 3]) };
        work.push(tokio::spawn(async move {
            let mut fault = None;
            for _ in 0..4 {
                let mut items = Vec::new();
                for id in &ids {
                    let task = service::get(&mut db.read(), &ctx, *id).await?;
                    items.push(item(*id, task.version, edit.clone()));
                }
                if round % 2 == 0 {
                    fault = bulk(&db, &ctx, items).await.err().or(fault);
                } else {
                    for one in items {
                        let edited = update(&db, &ctx, one.id, one.version, one.edit).await;
                        fault = edited.err().or(fault);
                    }
                }
            }
            fault.map_or(Ok(()), Err)
        }));
    }

    let outcomes = outcomes(work).await;

    assert!(outcomes.iter().all(|one| one.as_ref().err().is_none_or(is_of_others)));
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    judge::assert_settled(company.database.db()).await;
    let client = company.database.app().await;
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks: i64 = client.query_one(sql, &[]).await.expect("readable").get(0);
    assert_eq!(deadlocks, 0);
    let skipped = client.query(
        "SELECT t.id FROM tasks t
         WHERE t.version <> (SELECT count(*) FROM task_history h
                             WHERE h.task_id = t.id AND h.changes @> '[{\"field\": \"status\"}]') + 1
            OR t.revision <> (SELECT (e.data->>'revision')::int FROM event_log e
                              WHERE e.data->>'id' = t.id::text ORDER BY e.position DESC LIMIT 1)",
        &[],
    );
    assert!(skipped.await.expect("readable").is_empty(), "an edit was lost or not heard");
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_comment_is_heard_where_the_task_is_at_that_moment() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let here = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let there = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let task = Draft { channel_id: Some(here), ..titled("plan") };
    let task = company.create(&ann, task).await.expect("made").id;
    let (db, ctx) = (company.database.db().clone(), company.stage.as_actor(&ann));
    let mover = tokio::spawn(async move {
        for step in 1..=20 {
            let to = if step % 2 == 1 { there } else { here };
            update(&db, &ctx, task, step, moved_to(Some(to))).await.expect("moved");
        }
    });
    let mut said = 0;
    while !mover.is_finished() || said == 0 {
        company.comment(&bob, task, "words").await.expect("said");
        said += 1;
    }
    mover.await.expect("no panic");

    let mut at = format!("channel:{here}");
    for event in company.events().await {
        match &*event.kind {
            "task.updated" => {
                at = format!("channel:{}", event.data["channelId"].as_str().expect("one"))
            }
            "task.commented" => assert_eq!(event.streams, [at.as_str()]),
            _ => {}
        }
    }
    company.end().await;
}

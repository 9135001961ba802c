//! Tasks on a real database: who sees and changes what, what each write leaves
//! in the log, and what happens when many write at once.

mod bulk;
mod company;
mod lists;
mod messages;
mod moving;
mod property;
mod racing;
mod relations;
mod searches;
mod state;
mod together;
mod trash;

use std::time::Duration;

use company::{Company, titled, to, update};
use sayso_access::Role;
use sayso_channels::model::ChannelKind;
use sayso_db::Stream;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND, STALE};
use sayso_kernel::{Kind, Patch};
use sayso_tasks::filter::{Sort, TaskFilter};
use sayso_tasks::model::{Draft, Edit};
use sayso_tasks::status::{Priority, Status};
use sayso_tasks::{TaskId, service};
use sayso_testkit::TestDatabase;
use serde_json::json;

#[tokio::test]
async fn every_statement_prepares_against_the_real_schema() {
    let database = TestDatabase::new().await;
    let client = database.app().await;

    for sql in sayso_tasks::statements() {
        let prepared = client.prepare(sql.text).await;
        assert!(prepared.is_ok(), "{}: {:?}", sql.name, prepared.err());
    }
}

#[tokio::test]
async fn a_task_without_a_channel_is_seen_by_its_people_and_their_line_and_nobody_else() {
    let company = Company::new().await;
    let ceo = company.person("ceo", Role::Ceo, None).await;
    let manager = company.person("manager", Role::Manager, Some(&ceo)).await;
    let staff = company.person("staff", Role::Staff, Some(&manager)).await;
    let other = company.person("other", Role::Manager, None).await;

    let task = company.create(&staff, titled("water the plants")).await.expect("made");

    for sees in [&staff, &manager, &ceo] {
        assert!(company.get(sees, task.id).await.is_ok());
    }
    let hidden = company.get(&other, task.id).await.expect_err("hidden");
    assert!(hidden.is(&NOT_FOUND));
    let (kind, streams) = company.heard().await.pop().expect("an event");
    let mut expected = [&ceo, &manager, &staff].map(|p| Stream::User(p.user_id).to_string());
    expected.sort();
    assert_eq!((kind.as_str(), streams.as_slice()), ("task.created", expected.as_slice()));
    company.end().await;
}

#[tokio::test]
async fn whoever_stands_two_steps_above_in_the_line_edits_hands_over_and_deletes() {
    let company = Company::new().await;
    let head = company.person("head", Role::Manager, None).await;
    let lead = company.person("lead", Role::Manager, Some(&head)).await;
    let staff = company.person("staff", Role::Staff, Some(&lead)).await;
    let beside = company.person("beside", Role::Manager, None).await;
    let task = company.create(&staff, titled("water the plants")).await.expect("made");

    let edited = company.update(&head, task.id, 1, to(Status::InProgress)).await.expect("edited");
    assert_eq!((edited.version, edited.status), (2, Status::InProgress));
    company.assign(&head, task.id, &[&lead], &[]).await.expect("handed over");
    let hidden = company.update(&beside, task.id, 2, to(Status::Done)).await;
    assert!(hidden.is_err_and(|fault| fault.is(&NOT_FOUND)));
    company.delete(&head, task.id).await.expect("deleted");
    company.end().await;
}

#[tokio::test]
async fn a_line_does_not_see_into_a_private_channel_and_a_stranger_cannot_plan_there() {
    let company = Company::new().await;
    let boss = company.person("boss", Role::Manager, None).await;
    let staff = company.person("staff", Role::Staff, Some(&boss)).await;
    let host = company.person("host", Role::Manager, None).await;
    let channel = company.channel(&host, ChannelKind::Private, &[&staff]).await;
    let draft = Draft { channel_id: Some(channel), ..titled("a secret") };

    let task = company.create(&staff, draft.clone()).await.expect("made");

    assert!(company.get(&host, task.id).await.is_ok());
    assert!(company.get(&boss, task.id).await.is_err_and(|fault| fault.is(&NOT_FOUND)));
    let refused = company.create(&boss, draft).await.expect_err("hidden channel");
    assert_eq!(refused.kind(), Kind::Invalid);
    assert_eq!(refused.errors()[0].code, "channel.unknown");
    company.end().await;
}

#[tokio::test]
async fn an_edit_names_what_differs_and_one_that_changes_nothing_leaves_no_trace() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let task = company.create(&ann, titled("plan")).await.expect("made");

    let done = company.update(&ann, task.id, 1, to(Status::Done)).await.expect("edited");
    let same = company.update(&ann, task.id, 2, to(Status::Done)).await.expect("no change");

    assert_eq!((done.version, done.revision, done.status), (2, 2, Status::Done));
    assert!(done.completed_at.is_some());
    assert_eq!((same.version, same.revision), (2, 2));
    let events: Vec<String> = company.heard().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(events.last().map(String::as_str), Some("task.updated"));
    assert_eq!(events.iter().filter(|kind| *kind == "task.updated").count(), 1);
    company.end().await;
}

#[tokio::test]
async fn a_stale_edit_is_refused_with_the_present_state_and_changes_nothing() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let task = company.create(&ann, titled("plan")).await.expect("made");
    company.update(&ann, task.id, 1, to(Status::Review)).await.expect("edited");

    let refused = company.update(&ann, task.id, 1, to(Status::Done)).await.expect_err("stale");

    assert!(refused.is(&STALE));
    assert_eq!(refused.current_value().map(|now| &now["status"]), Some(&json!("review")));
    assert_eq!(company.get(&ann, task.id).await.expect("there").status, Status::Review);
    company.end().await;
}

#[tokio::test]
async fn a_member_assigns_but_does_not_edit_and_whoever_is_unassigned_loses_sight() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let eve = company.person("eve", Role::Staff, None).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let draft = Draft { channel_id: Some(channel), ..titled("plan") };
    let task = company.create(&ann, draft).await.expect("made");
    let own = company.create(&ann, titled("own")).await.expect("made");

    let edit = company.update(&bob, task.id, 1, to(Status::Done)).await;
    let assigned = company.assign(&bob, task.id, &[&bob], &[]).await.expect("assigned");
    let outsider = company.assign(&ann, task.id, &[&eve], &[]).await;
    company.assign(&ann, own.id, &[&eve], &[]).await.expect("assigned");
    company.assign(&ann, own.id, &[], &[&eve]).await.expect("unassigned");

    assert!(edit.is_err_and(|fault| fault.is(&FORBIDDEN)));
    assert_eq!((assigned.version, assigned.revision), (1, 2));
    assert_eq!(outsider.expect_err("not in the channel").errors()[0].code, "user.unknown");
    assert!(company.get(&eve, own.id).await.is_err_and(|fault| fault.is(&NOT_FOUND)));
    let gone = company.heard().await.pop().expect("an event");
    assert_eq!(gone, ("task.gone".into(), vec![Stream::User(eve.user_id).to_string()]));
    company.end().await;
}

#[tokio::test]
async fn of_a_hundred_edits_of_one_version_one_wins() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let task = company.create(&ann, titled("plan")).await.expect("made");
    let mut edits = Vec::new();
    for index in 0..100 {
        let (db, ctx) = (company.database.db().clone(), company.stage.as_actor(&ann));
        let edit = Edit { title: Some(format!("plan {index}")), ..Edit::default() };
        edits.push(tokio::spawn(async move { update(&db, &ctx, task.id, 1, edit).await }));
    }

    let (mut won, mut stale) = (0, 0);
    for edit in edits {
        match edit.await.expect("no panic") {
            Ok(_) => won += 1,
            Err(fault) if fault.is(&STALE) => stale += 1,
            Err(fault) => assert_eq!(fault.kind(), Kind::Unavailable, "{fault}"),
        }
    }

    assert_eq!(won, 1);
    assert!(stale > 0);
    assert_eq!(company.get(&ann, task.id).await.expect("there").version, 2);
    company.end().await;
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_tasks_are_added() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let ctx = company.stage.as_actor(&ann);
    let mut before = Vec::new();
    for index in 0..25 {
        company.stage.advance(Duration::from_secs(u64::from(index % 3 == 0)));
        before.push(company.create(&ann, titled(&format!("task {index}"))).await.expect("made").id);
    }

    for sort in ["-createdAt", "createdAt", "title", "-priority", "dueDate", "-dueDate"] {
        let sort = Sort::parse(sort).expect("an order");
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut db = company.database.db().read();
            let filter = TaskFilter::default();
            let page = service::list(&mut db, &ctx, &filter, sort, cursor.as_deref(), 4);
            let page = page.await.expect("a page");
            seen.extend(page.items.iter().map(|task| task.id));
            company.create(&ann, titled("one more")).await.expect("made");
            cursor = page.next_cursor;
            if cursor.is_none() || seen.len() > 500 {
                break;
            }
            if seen.len() > before.len() * 3 {
                break;
            }
        }
        for id in &before {
            let times = seen.iter().filter(|seen| *seen == id).count();
            assert!(times <= 1, "{sort:?} repeats a task");
        }
        if sort.descending && sort == Sort::default() {
            assert!(before.iter().all(|id| seen.contains(id)), "a task was skipped");
        }
    }
    company.end().await;
}

#[tokio::test]
async fn all_filters_hold_at_once() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let ctx = company.stage.as_actor(&ann);
    let due = sayso_tasks::due::parse("2026-01-01", "UTC");
    let wanted = Draft {
        tags: vec!["a".into(), "b".into()],
        priority: Priority::High,
        assigned_to: vec![ann.user_id],
        due,
        ..titled("wanted")
    };
    let wanted = company.create(&ann, wanted).await.expect("made");
    company.create(&ann, titled("other")).await.expect("made");
    let done = Draft { due, tags: vec!["a".into()], ..titled("done") };
    let done = company.create(&ann, done).await.expect("made");
    company.update(&ann, done.id, 1, to(Status::Done)).await.expect("edited");
    let cleared = Edit { due: Patch::Clear, ..Edit::default() };
    company.update(&ann, done.id, 2, cleared).await.expect("edited");

    let filter = TaskFilter {
        assigned_to: Some(vec![ann.user_id]),
        status: Some(vec![Status::Todo, Status::Done]),
        priority: Some(vec![Priority::High]),
        tags: Some(vec!["b".into(), "a".into()]),
        created_by: Some(vec![bob.user_id, ann.user_id]),
        overdue: Some(true),
        blocked: Some(false),
        ..TaskFilter::default()
    };
    let mut db = company.database.db().read();
    let page = service::list(&mut db, &ctx, &filter, Sort::default(), None, 20);

    let found: Vec<TaskId> = page.await.expect("a page").items.iter().map(|t| t.id).collect();
    assert_eq!(found, [wanted.id]);
    company.end().await;
}

#[tokio::test]
async fn whichever_filter_leads_every_order_holds_the_same_tasks_page_by_page() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let ctx = company.stage.as_actor(&ann);
    let channel = company.channel(&ann, ChannelKind::Public, &[]).await;
    for index in 0..7 {
        let wanted = Draft {
            channel_id: Some(channel),
            tags: vec!["a".into()],
            assigned_to: vec![ann.user_id],
            priority: if index % 2 == 0 { Priority::Urgent } else { Priority::Low },
            due: sayso_tasks::due::parse("2026-01-07", "UTC"),
            ..titled(&format!("wanted {index}"))
        };
        company.create(&ann, wanted).await.expect("made");
        company.create(&bob, titled("hidden")).await.expect("made");
    }
    let (from, to) = (ctx.now(), ctx.now() + Duration::from_secs(3 * 86_400));
    let empty = company.channel(&ann, ChannelKind::Public, &[]).await;
    let leads = [
        TaskFilter::default(),
        TaskFilter { assigned_to: Some(vec![ann.user_id]), ..TaskFilter::default() },
        TaskFilter { created_by: Some(vec![ann.user_id]), ..TaskFilter::default() },
        TaskFilter { tags: Some(vec!["a".into()]), ..TaskFilter::default() },
        TaskFilter { channel_id: Some(vec![channel]), ..TaskFilter::default() },
        TaskFilter { channel_id: Some(vec![empty, channel]), ..TaskFilter::default() },
        TaskFilter { created_by: Some(vec![bob.user_id, ann.user_id]), ..TaskFilter::default() },
        TaskFilter { updated_since: Some(from), ..TaskFilter::default() },
        TaskFilter { due_from: Some(from), due_to: Some(to), ..TaskFilter::default() },
    ];

    for filter in leads {
        for key in ["createdAt", "updatedAt", "dueDate", "priority", "title"] {
            for text in [key.to_owned(), format!("-{key}")] {
                let sort = Sort::parse(&text).expect("an order");
                let (mut seen, mut cursor) = (Vec::new(), None::<String>);
                loop {
                    let mut db = company.database.db().read();
                    let page = service::list(&mut db, &ctx, &filter, sort, cursor.as_deref(), 3);
                    let page = page.await.expect("a page");
                    seen.extend(page.items.iter().map(|task| task.id));
                    cursor = page.next_cursor;
                    if cursor.is_none() {
                        break;
                    }
                }
                seen.sort();
                seen.dedup();
                assert_eq!(seen.len(), 7, "{filter:?} {text}");
            }
        }
    }
    company.end().await;
}

//! Many edits as one commit.

use sayso_access::Role;
use sayso_channels::model::ChannelKind;
use sayso_kernel::fault::{FORBIDDEN, INVALID, Place, STALE};
use sayso_kernel::{Kind, Patch};
use sayso_tasks::error::BLOCKED;
use sayso_tasks::model::{Draft, Edit};
use sayso_tasks::status::{Priority, Status};
use sayso_tasks::{Task, TaskId, due, history};
use serde_json::json;

use crate::company::{Company, item, titled, to};

fn places(fault: &sayso_kernel::Fault) -> Vec<(String, &'static str)> {
    let place = |place: &Place| match place {
        Place::Pointer(pointer) => pointer.clone(),
        other => panic!("{other:?} is no pointer"),
    };
    fault.errors().iter().map(|error| (place(&error.place), error.code)).collect()
}

#[tokio::test]
async fn many_edits_are_one_commit_with_an_event_for_each_and_answered_as_they_are_then() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let first = company.made(&ann, "first").await;
    let second = company.made(&ann, "second").await;
    let third = company.made(&ann, "third").await;
    company.block(&ann, third.id, &[first.id]).await.expect("related");
    let before = company.events().await.len();

    let urgent = Edit { priority: Some(Priority::Urgent), ..Edit::default() };
    let items = vec![
        item(third.id, 1, urgent.clone()),
        item(first.id, 1, to(Status::Done)),
        item(second.id, 1, Edit { title: Some("second".into()), ..Edit::default() }),
    ];
    let after = company.bulk(&ann, items).await.expect("edited");

    let ids: Vec<_> = after.iter().map(|task| task.id).collect();
    assert_eq!(ids, [third.id, first.id, second.id], "in the order asked for");
    assert!(!after[0].blocked, "what came later in the list counts");
    assert_eq!((after[0].version, after[2].version), (2, 1));
    let events = company.events().await;
    let told: Vec<_> = events[before..]
        .iter()
        .map(|event| (event.data["title"].as_str().expect("a title"), &event.change["fields"]))
        .collect();
    let expected = [
        ("third", json!(["priority"])),
        ("first", json!(["status", "completedAt"])),
        ("third", json!(["blocked"])),
    ];
    assert_eq!(told, expected.each_ref().map(|(title, fields)| (*title, fields)));
    company.end().await;
}

#[tokio::test]
async fn what_is_wrong_with_any_is_told_at_its_place_and_nothing_happens() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let channel = company.channel(&ann, ChannelKind::Public, &[&bob]).await;
    let open = company.made(&bob, "open").await;
    let stale = company.made(&bob, "stale").await;
    let hidden = company.made(&ann, "hidden").await;
    let foreign = Draft { channel_id: Some(channel), ..titled("foreign") };
    let foreign = company.create(&ann, foreign).await.expect("made");
    company.update(&bob, stale.id, 1, to(Status::Review)).await.expect("edited");

    let nobody =
        Edit { assigned_to: Some(vec![sayso_access::UserId(open.id.0)]), ..Edit::default() };
    let items = vec![
        item(open.id, 1, to(Status::Done)),
        item(stale.id, 1, to(Status::Done)),
        item(hidden.id, 1, to(Status::Done)),
        item(foreign.id, 1, to(Status::Done)),
        item(open.id, 2, nobody),
    ];
    let refused = company.bulk(&bob, items).await.expect_err("four faults");

    let told = places(&refused);
    let expected = [
        ("#/items/1/version", "resource.stale_version"),
        ("#/items/2/id", "task.unknown"),
        ("#/items/3", "access.forbidden"),
        ("#/items/4/id", "field.repeated"),
    ];
    assert_eq!(told, expected.map(|(place, code)| (place.to_owned(), code)));
    assert!(refused.is(&INVALID));
    assert_eq!(company.get(&bob, open.id).await.expect("there"), open);

    let items = vec![item(open.id, 1, to(Status::Done)), item(stale.id, 1, to(Status::Done))];
    let refused = company.bulk(&bob, items).await.expect_err("stale");
    assert!(refused.is(&STALE));
    assert_eq!(places(&refused)[0].0, "#/items/1/version");
    assert_eq!(refused.current_value().map(|now| &now["status"]), Some(&json!("review")));
    assert_eq!(company.get(&bob, open.id).await.expect("there"), open);

    let items = vec![item(foreign.id, 1, to(Status::Done)), item(stale.id, 1, to(Status::Done))];
    let refused = company.bulk(&bob, items).await.expect_err("not his");
    assert!(refused.is(&FORBIDDEN) && refused.kind() == Kind::Forbidden);
    company.end().await;
}

#[tokio::test]
async fn each_edit_sees_what_those_before_it_have_finished_and_opened() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let [first, second, third] = [
        company.made(&ann, "first").await.id,
        company.made(&ann, "second").await.id,
        company.made(&ann, "third").await.id,
    ];
    company.block(&ann, second, &[first]).await.expect("related");
    company.block(&ann, third, &[second]).await.expect("related");
    let done = |id, version| item(id, version, to(Status::Done));
    let blocked = async || {
        let mut all = Vec::new();
        for id in [first, second, third] {
            all.push(company.get(&ann, id).await.expect("there").blocked);
        }
        all
    };

    let early = company.bulk(&ann, vec![done(second, 1), done(first, 1)]).await.expect_err("waits");
    assert!(early.is(&BLOCKED));
    assert_eq!(places(&early), [("#/items/0/status".to_owned(), "task.blocked")]);
    let before = company.events().await.len();
    company.bulk(&ann, vec![done(first, 1), done(second, 1)]).await.expect("in order");
    assert_eq!(blocked().await, [false, false, false]);
    let open = |id| item(id, 2, to(Status::Todo));
    company.bulk(&ann, vec![open(second), open(first)]).await.expect("opened");
    assert_eq!(blocked().await, [false, true, true]);

    let events = company.events().await;
    let mut told: Vec<_> = events[before..]
        .iter()
        .map(|event| {
            let title = event.data["title"].as_str().expect("a title");
            (title, event.change["fields"].to_string())
        })
        .collect();
    // What waits is told of by id, which says nothing here.
    told[5..].sort_unstable();
    let expected = [
        ("first", r#"["status","completedAt"]"#),
        ("second", r#"["status","completedAt","blocked"]"#),
        ("third", r#"["blocked"]"#),
        ("second", r#"["status","completedAt"]"#),
        ("first", r#"["status","completedAt"]"#),
        ("second", r#"["blocked"]"#),
        ("third", r#"["blocked"]"#),
    ];
    assert_eq!(told, expected.map(|(title, fields)| (title, fields.to_owned())));
    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    company.end().await;
}

#[tokio::test]
async fn an_edit_leaves_in_a_list_what_it_leaves_alone() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let draft = Draft {
        description: "before\n\"quoted\"".into(),
        due: due::parse("2026-03-01T10:00:00.123456Z", "UTC"),
        metadata: json!({ "a": { "b": [1, 2.5, null] }, "gone": true }),
        tags: vec!["{odd},\"tag\" \\".into()],
        ..titled("task")
    };
    let alone = company.create(&ann, draft.clone()).await.expect("made").id;
    let listed = company.create(&ann, draft).await.expect("made").id;
    let edits = [
        Edit {
            description: Patch::Set("ä 'b' \\ {c}".into()),
            assigned_to: Some(vec![bob.user_id, ann.user_id]),
            channel_id: Patch::Set(channel),
            priority: Some(Priority::High),
            metadata: Patch::Set(json!({ "gone": null, "c": "d" })),
            ..to(Status::Done)
        },
        Edit {
            tags: Some(vec![String::from("NULL"), String::from("x,y")]),
            due: Patch::Set(due::parse("2026-03-02", "Asia/Tokyo").expect("a date")),
            ..to(Status::Review)
        },
        Edit { due: Patch::Clear, tags: Some(Vec::new()), ..Edit::default() },
    ];
    for (version, edit) in (1..).zip(edits) {
        company.stage.advance(std::time::Duration::from_nanos(1_234_567_891));
        company.update(&ann, alone, version, edit.clone()).await.expect("edited");
        let all = company.bulk(&ann, vec![item(listed, version, edit)]).await.expect("edited");

        let one = company.get(&ann, alone).await.expect("there");
        assert_eq!(all[0], Task { id: listed, ..one });
    }

    let history = async |id| {
        let ctx = company.stage.as_actor(&ann);
        let mut db = company.database.db().read();
        let page = history::list(&mut db, &ctx, id, None, 20).await.expect("a page");
        let entries = page.items.into_iter();
        entries
            .map(|it| (it.at, it.actor_id, it.action, it.changes, it.version))
            .collect::<Vec<_>>()
    };
    assert_eq!(history(alone).await, history(listed).await);
    let told = |events: Vec<crate::company::Heard>, id: TaskId| {
        let of_it = events.into_iter().filter(move |event| event.data["id"] == json!(id));
        of_it.map(|event| (event.kind, event.streams, event.change)).collect::<Vec<_>>()
    };
    let events = company.events().await;
    assert_eq!(told(events.clone(), alone), told(events, listed));
    company.end().await;
}

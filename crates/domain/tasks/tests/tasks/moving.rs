//! Tasks that go from one channel to another, and who loses sight of them.

use sayso_access::{Actor, Role};
use sayso_channels::model::ChannelKind;
use sayso_db::Stream;
use sayso_kernel::Kind;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND};
use sayso_tasks::model::{Draft, Edit};
use serde_json::json;

use crate::company::{Company, Heard, moved_to, titled};

fn streams(people: &[&Actor]) -> Vec<String> {
    let mut all: Vec<_> = people.iter().map(|p| Stream::User(p.user_id).to_string()).collect();
    all.sort();
    all
}

/// The last events: their types and streams.
fn tail(events: &[Heard], count: usize) -> Vec<(&str, Vec<String>)> {
    let told = |event: &Heard| {
        let mut streams = event.streams.clone();
        streams.sort();
        streams
    };
    let from = events.len() - count;
    events[from..].iter().map(|event| (&*event.kind, told(event))).collect()
}

#[tokio::test]
async fn a_moved_task_is_heard_where_it_is_now_and_gone_for_who_no_longer_sees_it() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let cat = company.person("cat", Role::Staff, None).await;
    let open = company.channel(&ann, ChannelKind::Public, &[&bob, &cat]).await;
    let closed = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let task = Draft { channel_id: Some(open), ..titled("plan") };
    let task = company.create(&ann, task).await.expect("made").id;

    let inside = company.update(&ann, task, 1, moved_to(Some(closed))).await.expect("moved");
    let first = company.events().await;
    let lost = company.get(&cat, task).await.expect_err("out of sight");
    company.update(&ann, task, 2, moved_to(None)).await.expect("taken out");
    let second = company.events().await;

    assert_eq!((inside.channel_id, inside.version), (Some(closed), 2));
    let expected =
        [("task.updated", vec![format!("channel:{closed}")]), ("task.gone", streams(&[&cat]))];
    assert_eq!(tail(&first, 2), expected);
    assert_eq!(first.last().map(|event| &event.data), Some(&json!({ "id": task })));
    assert!(lost.is(&NOT_FOUND));
    let expected = [("task.updated", streams(&[&ann])), ("task.gone", streams(&[&bob]))];
    assert_eq!(tail(&second, 2), expected);
    company.end().await;
}

#[tokio::test]
async fn who_still_sees_a_task_but_does_not_follow_its_new_channel_learns_where_it_is() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let closed = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let open = company.channel(&ann, ChannelKind::Public, &[]).await;
    let task = Draft { channel_id: Some(closed), ..titled("plan") };
    let task = company.create(&ann, task).await.expect("made").id;

    company.update(&ann, task, 1, moved_to(Some(open))).await.expect("moved");

    let events = company.events().await;
    let expected =
        [("task.updated", vec![format!("channel:{open}")]), ("task.updated", streams(&[&bob]))];
    assert_eq!(tail(&events, 2), expected);
    assert_eq!(events.last().map(|event| event.data["channelId"].clone()), Some(json!(open)));
    let sql = "SELECT count(*) FROM audit_log WHERE action = 'task.updated'";
    let told: i64 = company.database.app().await.query_one(sql, &[]).await.expect("read").get(0);
    assert_eq!(told, 1, "one edit, one entry");
    company.end().await;
}

#[tokio::test]
async fn one_moves_only_to_where_one_may_write_and_where_the_assignees_see_it() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let cat = company.person("cat", Role::Staff, None).await;
    let hidden = company.channel(&ann, ChannelKind::Private, &[]).await;
    let unjoined = company.channel(&ann, ChannelKind::Public, &[]).await;
    let own = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let task = company.made(&bob, "plan").await.id;
    company.assign(&bob, task, &[&cat], &[]).await.expect("assigned");

    let unknown = company.update(&bob, task, 1, moved_to(Some(hidden))).await.expect_err("hidden");
    let outside = company.update(&bob, task, 1, moved_to(Some(unjoined))).await.expect_err("joins");
    let without = company.update(&bob, task, 1, moved_to(Some(own))).await.expect_err("cat");
    let both = Edit { assigned_to: Some(vec![bob.user_id]), ..moved_to(Some(own)) };
    let moved = company.update(&bob, task, 1, both).await.expect("moved");

    assert_eq!((unknown.kind(), unknown.errors()[0].code), (Kind::Invalid, "channel.unknown"));
    assert_eq!(outside.code().name, "channel.not_a_member");
    assert_eq!(outside.kind(), FORBIDDEN.kind);
    assert_eq!((without.kind(), without.errors()[0].code), (Kind::Invalid, "user.unknown"));
    assert_eq!(moved.assigned_to, [bob.user_id]);
    let channel = vec![format!("channel:{own}")];
    let expected = [
        ("task.updated", channel.clone()),
        ("task.assigned", channel),
        ("task.gone", streams(&[&cat])),
    ];
    assert_eq!(tail(&company.events().await, 3), expected);
    company.end().await;
}

#[tokio::test]
async fn with_an_unassigned_person_their_line_loses_sight() {
    let company = Company::new().await;
    let boss = company.person("boss", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, Some(&boss)).await;
    let ann = company.person("ann", Role::Staff, None).await;
    let task = company.made(&ann, "plan").await.id;
    company.assign(&ann, task, &[&bob], &[]).await.expect("assigned");
    assert!(company.get(&boss, task).await.is_ok());

    let nobody = Edit { assigned_to: Some(Vec::new()), ..Edit::default() };
    company.update(&ann, task, 1, nobody).await.expect("unassigned");

    let expected = [("task.assigned", streams(&[&ann])), ("task.gone", streams(&[&bob, &boss]))];
    assert_eq!(tail(&company.events().await, 2), expected);
    assert!(company.get(&boss, task).await.is_err());
    company.end().await;
}

#[tokio::test]
async fn data_of_the_client_stays_within_its_bounds_also_when_it_is_merged() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let task = company.made(&ann, "plan").await.id;
    let with = |name: &str, bytes: usize| Edit {
        metadata: sayso_kernel::Patch::Set(json!({ name: "x".repeat(bytes) })),
        ..Edit::default()
    };

    company.update(&ann, task, 1, with("a", 9_000)).await.expect("half");
    let refused = company.update(&ann, task, 2, with("b", 9_000)).await.expect_err("too much");
    let cleared = Edit { metadata: sayso_kernel::Patch::Clear, ..Edit::default() };
    let cleared = company.update(&ann, task, 2, cleared).await.expect("cleared");

    assert_eq!((refused.kind(), refused.errors()[0].code), (Kind::Invalid, "field.too_long"));
    assert_eq!(cleared.metadata, json!({}));
    company.end().await;
}

#[tokio::test]
async fn the_largest_task_there_may_be_is_heard() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff, None).await;
    let largest = Draft {
        description: "\u{1}".repeat(20_000),
        metadata: json!({ "a": "x".repeat(16_000) }),
        ..titled(&"𝄞".repeat(300))
    };

    let task = company.create(&ann, largest).await.expect("made");

    let heard = company.events().await.pop().expect("an event");
    assert_eq!(heard.data["description"].as_str().map(str::len), Some(20_000));
    assert!(company.get(&ann, task.id).await.is_ok());
    company.end().await;
}

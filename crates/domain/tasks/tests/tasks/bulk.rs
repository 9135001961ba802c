//! Many edits as one commit.

use sayso_access::Role;
use sayso_channels::model::ChannelKind;
use sayso_kernel::Kind;
use sayso_kernel::fault::{FORBIDDEN, INVALID, Place, STALE};
use sayso_tasks::model::{Draft, Edit};
use sayso_tasks::status::{Priority, Status};
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

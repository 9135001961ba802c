//! Editing, what was said before, and going back to it.

use sayso_access::Role;
use sayso_channels::model::ChannelKind;
use sayso_kernel::Patch;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND, STALE};
use sayso_messages::edit;
use sayso_messages::model::{Draft, Edit};
use serde_json::json;

use crate::company::{Company, saying, text};

#[tokio::test]
async fn an_edit_names_what_differs_keeps_what_was_said_and_one_of_nothing_leaves_no_trace() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    let draft = Draft { metadata: json!({ "a": { "b": 1, "c": 2 } }), ..saying("one") };
    let message = company.send(&ann, channel, draft).await.expect("sent");

    let second = company.update(&ann, message.id, 1, text("two @channel")).await.expect("edited");
    let same = company.update(&ann, message.id, 2, text("two @channel")).await.expect("no change");
    let metadata =
        Edit { metadata: Patch::Set(json!({ "a": { "b": null, "d": 3 } })), ..Edit::default() };
    let third = company.update(&ann, message.id, 2, metadata).await.expect("edited");
    let emptied = Edit { metadata: Patch::Clear, ..text("three") };
    let fourth = company.update(&ann, message.id, 3, emptied).await.expect("edited");

    assert_eq!((second.version, second.revision), (2, 2));
    assert!(second.edited_at.is_some() && second.mentions_channel);
    assert_eq!(same, second);
    assert_eq!((third.version, &third.metadata), (3, &json!({ "a": { "c": 2, "d": 3 } })));
    assert_eq!((fourth.version, &fourth.metadata), (4, &json!({})));
    assert!(!fourth.mentions_channel);
    let changes: Vec<_> = company
        .heard()
        .await
        .into_iter()
        .skip(1)
        .map(|heard| heard.change["fields"].clone())
        .collect();
    let wanted = [
        json!(["content", "mentionsChannel"]),
        json!(["metadata"]),
        json!(["content", "mentionsChannel", "metadata"]),
    ];
    assert_eq!(changes, wanted);
    let (mut db, ctx) = (company.database.db().read(), company.ctx(&ann));
    let first = edit::history(&mut db, &ctx, message.id, None, 1).await.expect("a page");
    let cursor = first.next_cursor.as_deref();
    let rest = edit::history(&mut db, &ctx, message.id, cursor, 5).await.expect("a page");
    let said: Vec<_> =
        first.items.iter().chain(&rest.items).map(|it| (it.version, &*it.content)).collect();
    assert_eq!(said, [(3, "two @channel"), (1, "one")], "only texts that were replaced");
    assert_eq!(rest.next_cursor, None);
    company.end().await;
}

#[tokio::test]
async fn a_stale_edit_is_refused_with_the_present_state_and_changes_nothing() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    let message = company.say(&ann, channel, "one").await;
    company.update(&ann, message.id, 1, text("two")).await.expect("edited");

    let refused = company.update(&ann, message.id, 1, text("three")).await.expect_err("stale");
    let ctx = company.ctx(&ann);
    let db = company.db();
    let late = db.transaction(&ctx, async move |tx, ctx| {
        sayso_messages::trash::delete_in(tx, ctx, message.id, Some(1)).await
    });

    assert!(refused.is(&STALE));
    assert_eq!(refused.current_value().map(|now| &now["content"]), Some(&json!("two")));
    assert!(late.await.is_err_and(|fault| fault.is(&STALE)));
    assert_eq!(company.get(&ann, message.id).await.expect("there").content, "two");
    company.end().await;
}

#[tokio::test]
async fn a_message_says_again_what_it_said_and_that_is_an_edit_of_its_sender() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let bob = company.person("bob", Role::Staff).await;
    let eve = company.person("eve", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob, &eve]).await;
    let draft = Draft { mentions: vec![bob.user_id, eve.user_id], ..saying("one") };
    let message = company.send(&ann, channel, draft).await.expect("sent");
    let edit = Edit { mentions: Patch::Clear, ..text("two") };
    company.update(&ann, message.id, 1, edit).await.expect("edited");
    company.remove(&ann, channel, &eve).await;

    let stranger = company.revert(&bob, message.id, 1).await.expect_err("not own");
    let absent = company.revert(&ann, message.id, 2).await.expect_err("never replaced");
    let back = company.revert(&ann, message.id, 1).await.expect("restored");
    let same = company.revert(&ann, message.id, 1).await.expect("no change");

    assert!(stranger.is(&FORBIDDEN) && absent.is(&NOT_FOUND));
    assert_eq!((back.content.as_str(), back.version), ("one", 3));
    assert_eq!(back.mentions, [bob.user_id], "who has left is not mentioned again");
    assert_eq!(same, back);
    let told = company.heard().await.pop().expect("an event");
    assert_eq!(told.change["mentioned"], json!([bob.user_id]));
    assert_eq!(company.revert(&ann, message.id, 2).await.expect("restored").content, "two");
    company.end().await;
}

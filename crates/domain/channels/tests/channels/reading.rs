//! The watermark, what is unread after it, and what a member wants to hear.

use http::{Method, StatusCode};
use sayso_access::Role;
use serde_json::json;

use crate::company::Company;
use crate::door::Door;

#[tokio::test]
async fn the_watermark_moves_forward_only_and_the_other_devices_hear_of_it() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let ann = company.person("ann", Role::Manager).await;
    let bob = company.person("bob", Role::Staff).await;
    let out = company.person("out", Role::Staff).await;
    let path = door.make(&ann, json!({"name": "town", "members": [bob.user_id]})).await;
    let other = door.make(&ann, json!({"name": "other", "members": [bob.user_id]})).await;
    let first = company.message(&ann, &path, &[]).await;
    let second = company.message(&ann, &path, &[&bob]).await;
    let third = company.message(&bob, &path, &[]).await;
    let elsewhere = company.message(&ann, &other, &[]).await;
    let from = company.heard_of_channels(0).await.len();
    let read = format!("{path}/read");
    let to = |id: &String| json!({"messageId": id});

    let before = door.get(&bob, &path).await.well();
    let one = door.post(&bob, &read, to(&first)).await.well();
    let all = door.post(&bob, &read, to(&third)).await.well();
    let back = door.post(&bob, &read, to(&second)).await.well();
    let once_more = door.post(&bob, &read, to(&third)).await.well();

    let counts = |answer: &crate::door::Answer| {
        [answer.body["unreadCount"].as_i64(), answer.body["mentionCount"].as_i64()]
    };
    assert_eq!(counts(&before), [Some(2), Some(1)], "one's own are never unread");
    assert_eq!(counts(&one), [Some(1), Some(1)]);
    assert_eq!(counts(&all), [Some(0), Some(0)]);
    assert_eq!(all.text("lastReadMessageId"), third);
    assert_eq!(back.body, all.body);
    assert_eq!(once_more.body, all.body);
    assert_eq!(all.body["revision"], before.body["revision"], "nothing changed for others");
    let told = ("channel.read".to_owned(), vec![format!("user:{}", bob.user_id)]);
    assert_eq!(company.heard_of_channels(from).await, [told.clone(), told]);

    let wrong = door.post(&bob, &read, to(&elsewhere)).await.refused(422, "request.invalid");
    assert_eq!(wrong.pointers(), ["#/messageId"]);
    door.post(&out, &read, to(&first)).await.refused(403, "channel.not_a_member");
    let nowhere = format!("channels/{first}/read");
    door.post(&out, &nowhere, to(&first)).await.refused(404, "resource.not_found");
    company.end().await;
}

#[tokio::test]
async fn what_was_said_before_somebody_came_is_read_but_never_unread() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let ann = company.person("ann", Role::Manager).await;
    let bob = company.person("bob", Role::Staff).await;
    let path = door.make(&ann, json!({"name": "town"})).await;
    let oldest = company.message(&ann, &path, &[]).await;
    let old = company.message(&ann, &path, &[]).await;
    company.stage.advance(std::time::Duration::from_secs(1));
    let read = format!("{path}/read");

    let joined = door.act(&bob, &format!("{path}/join")).await.well();
    let seen = door.post(&bob, &read, json!({"messageId": old})).await.well();
    let older = door.post(&bob, &read, json!({"messageId": oldest})).await.well();
    company.message(&ann, &path, &[]).await;
    let now = door.get(&bob, &path).await.well();

    assert_eq!(joined.body["unreadCount"], 0);
    assert_eq!((seen.text("lastReadMessageId"), &seen.body["unreadCount"]), (old, &json!(0)));
    assert_eq!(older.body, seen.body);
    assert_eq!(now.body["unreadCount"], 1);
    company.end().await;
}

#[tokio::test]
async fn a_member_says_what_to_be_told_of_and_nobody_else_sees_it() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let ann = company.person("ann", Role::Manager).await;
    let bob = company.person("bob", Role::Staff).await;
    let path = door.make(&ann, json!({"name": "town"})).await;
    let mute = format!("{path}/mute");
    let setting = json!({"notificationLevel": "mentions", "mutedUntil": "2026-02-01T00:00:00Z"});

    let outside = door.post(&bob, &mute, setting.clone()).await;
    outside.refused(403, "channel.not_a_member");
    assert_eq!(door.get(&bob, &path).await.body["notificationLevel"], json!(null));
    door.act(&bob, &format!("{path}/join")).await.well();
    let from = company.heard_of_channels(0).await.len();
    let muted = door.post(&bob, &mute, setting.clone()).await.well();
    let again = door.post(&bob, &mute, setting).await.well();
    let awake = door.post(&bob, &mute, json!({"mutedUntil": null})).await.well();
    let wrong = json!({"notificationLevel": "loud", "mutedUntil": "soon", "x": 1});
    let wrong = door.post(&bob, &mute, wrong).await.refused(422, "request.invalid");

    assert_eq!(muted.body["notificationLevel"], "mentions");
    assert_eq!(muted.body["mutedUntil"], "2026-02-01T00:00:00Z");
    assert_eq!(again.body, muted.body);
    assert_eq!(awake.body["notificationLevel"], "mentions");
    assert_eq!(awake.body["mutedUntil"], json!(null));
    assert_eq!(wrong.pointers(), ["#/mutedUntil", "#/notificationLevel", "#/x"]);
    let told = ("channel.muted".to_owned(), vec![format!("user:{}", bob.user_id)]);
    assert_eq!(company.heard_of_channels(from).await, [told.clone(), told]);
    assert_eq!(door.get(&ann, &path).await.body["notificationLevel"], "all");
    company.end().await;
}

#[tokio::test]
async fn a_tag_changes_with_everything_its_reader_is_shown_and_with_nothing_else() {
    let company = Company::new().await;
    let door = Door::new(&company);
    let ann = company.person("ann", Role::Manager).await;
    let bob = company.person("bob", Role::Staff).await;
    let path = door.make(&ann, json!({"name": "town", "members": [bob.user_id]})).await;
    let tag = door.get(&bob, &path).await.well().etag();
    let held = |tag: String| {
        let (door, bob, path) = (&door, &bob, &path);
        async move {
            let known = [("if-none-match", tag.as_str())];
            door.ask(bob, Method::GET, path, &known, None).await
        }
    };

    let same = held(tag.clone()).await;
    company.message(&bob, &path, &[]).await;
    let still = held(tag.clone()).await;
    let message = company.message(&ann, &path, &[]).await;
    let unread = held(tag.clone()).await;
    door.post(&bob, &format!("{path}/read"), json!({"messageId": message})).await.well();
    let read = held(unread.etag()).await;
    door.post(&bob, &format!("{path}/mute"), json!({"notificationLevel": "none"})).await.well();
    let muted = held(read.etag()).await;

    for known in [same, still] {
        assert_eq!((known.status, known.etag()), (StatusCode::NOT_MODIFIED, tag.clone()));
    }
    for changed in [unread, read, muted] {
        assert_eq!(changed.status, StatusCode::OK);
        assert!(changed.etag().starts_with("\"1-"), "none of it is an edit");
    }
    company.end().await;
}

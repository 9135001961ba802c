//! Reactions: what they show, and their bounds.

use sayso_access::Role;
use sayso_channels::model::ChannelKind;
use sayso_messages::error::TOO_MANY_EMOJIS;
use sayso_messages::model::{Draft, EMOJIS_MAX};
use serde_json::json;

use crate::company::{Company, saying};

#[tokio::test]
async fn reactions_come_and_go_in_their_order_and_without_a_change_nobody_hears_of_it() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let bob = company.person("bob", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let message = company.say(&ann, channel, "done").await;

    company.react(&bob, message.id, &["🎉", "🎉", "👎"], &["👎"]).await.expect("reacted");
    company.stage.advance(std::time::Duration::from_secs(1));
    let both = company.react(&ann, message.id, &["👍", "🎉"], &[]).await.expect("reacted");
    let same = company.react(&ann, message.id, &["👍"], &["👎"]).await.expect("no change");
    let less = company.react(&bob, message.id, &[], &["🎉", "👍"]).await.expect("taken back");

    let shown: Vec<_> = both
        .reactions
        .iter()
        .map(|it| (it.emoji.as_str(), it.count, it.user_ids.clone()))
        .collect();
    let wanted = [("🎉", 2, vec![bob.user_id, ann.user_id]), ("👍", 1, vec![ann.user_id])];
    assert_eq!(shown, wanted);
    assert_eq!((both.version, both.revision), (1, 3));
    assert_eq!(same, both);
    assert_eq!(less.reactions[0].user_ids, [ann.user_id]);
    let heard = company.heard().await;
    assert_eq!(heard.len(), 4);
    assert_eq!(heard[1].kind, "message.reacted");
    let change = json!({ "fields": ["reactions"], "added": ["🎉"], "removed": [] });
    assert_eq!(heard[1].change, change);
    let view = json!([{ "emoji": "🎉", "count": 1, "userIds": [ann.user_id] },
                      { "emoji": "👍", "count": 1, "userIds": [ann.user_id] }]);
    assert_eq!(heard[3].data["reactions"], view);
    company.end().await;
}

#[tokio::test]
async fn a_message_has_so_many_emojis_and_one_that_is_there_is_always_welcome() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let bob = company.person("bob", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let message = company.say(&ann, channel, "done").await;
    let many: Vec<String> = (0..EMOJIS_MAX).map(|n| format!(":e{n}:")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    company.react(&ann, message.id, &many, &[]).await.expect("reacted");

    let more = company.react(&bob, message.id, &["🎉"], &[]).await.expect_err("too many");
    let known = company.react(&bob, message.id, &[":e3:"], &[]).await.expect("reacted");
    let swapped = company.react(&ann, message.id, &["🎉"], &[":e4:"]).await.expect("reacted");

    assert!(more.is(&TOO_MANY_EMOJIS));
    let third = known.reactions.iter().find(|one| one.emoji == ":e3:").expect("shown");
    assert_eq!(third.count, 2);
    assert_eq!(swapped.reactions.len(), EMOJIS_MAX);
    company.end().await;
}

#[tokio::test]
async fn the_largest_message_can_still_be_reacted_to() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    let draft = Draft {
        metadata: json!({ "a": "x".repeat(16_300) }),
        client_id: Some("🦀".repeat(64)),
        ..saying(&"🦀".repeat(10_000))
    };
    let message = company.send(&ann, channel, draft).await.expect("sent");
    let many: Vec<String> = (0..20).map(|n| format!("{}{n:02}", "🦀".repeat(30))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();

    let reacted = company.react(&ann, message.id, &many, &[]).await.expect("reacted");

    assert_eq!(reacted.reactions.len(), 20);
    company.end().await;
}

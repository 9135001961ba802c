//! Who is mentioned.

use sayso_access::{Role, UserId};
use sayso_channels::model::ChannelKind;
use sayso_kernel::Patch;
use sayso_kernel::fault::Place;
use sayso_messages::model::{Draft, Edit};
use uuid::Uuid;

use crate::company::{Company, ids, saying, text};

#[tokio::test]
async fn members_are_mentioned_by_list_and_by_text_and_others_are_refused_or_just_a_text() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let bob = company.person("bob", Role::Staff).await;
    let cat = company.person("cat", Role::Staff).await;
    let stranger = company.person("stranger", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob, &cat]).await;
    let nobody = UserId(Uuid::from_u128(9));

    let both = format!("<@{}> and <@{}>", cat.user_id, bob.user_id);
    let draft = Draft { mentions: ids(&[&bob]), ..saying(&both) };
    let fast = company.send(&ann, channel, draft).await.expect("sent");
    let with_stranger = saying(&format!("<@{}> meet <@{}>", stranger.user_id, bob.user_id));
    let slow = company.send(&ann, channel, with_stranger).await.expect("sent");
    let draft = Draft {
        mentions: vec![bob.user_id, stranger.user_id, nobody],
        thread_id: Some(sayso_messages::MessageId(Uuid::from_u128(8))),
        ..saying("hello")
    };
    let refused = company.send(&ann, channel, draft).await.expect_err("not members");

    assert_eq!(fast.mentions, ids(&[&bob, &cat]));
    assert_eq!(slow.mentions, ids(&[&bob]), "a stranger in the text is just a text");
    let places: Vec<_> = refused.errors().iter().map(|it| (it.place.clone(), it.code)).collect();
    let at = |pointer: &str| Place::Pointer(pointer.to_owned());
    let wanted = [
        (at("#/mentions/1"), "user.unknown"),
        (at("#/mentions/2"), "user.unknown"),
        (at("#/threadId"), "message.unknown"),
    ];
    assert_eq!(places, wanted, "all at once, hidden and absent alike");
    for message in [&fast, &slow] {
        assert_eq!(&company.get(&ann, message.id).await.expect("there"), message);
    }
    assert_eq!(company.kinds().await, ["message.sent", "message.sent"]);
    company.end().await;
}

#[tokio::test]
async fn an_edit_of_the_text_keeps_who_was_mentioned_besides_it() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let bob = company.person("bob", Role::Staff).await;
    let cat = company.person("cat", Role::Staff).await;
    let stranger = company.person("stranger", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob, &cat]).await;
    let named = |user: UserId| format!("<@{user}>");
    let draft = Draft { mentions: ids(&[&bob]), ..saying(&named(cat.user_id)) };
    let message = company.send(&ann, channel, draft).await.expect("sent");
    company.remove(&ann, channel, &bob).await;

    let without = company.update(&ann, message.id, 1, text("hello")).await.expect("edited");
    let again = company.update(&ann, message.id, 2, text(&named(cat.user_id))).await;
    let again = again.expect("edited");
    let wrong = Edit { mentions: Patch::Set(ids(&[&bob, &stranger])), ..Edit::default() };
    let wrong = company.update(&ann, message.id, 3, wrong).await.expect_err("a stranger");
    let cleared = Edit { mentions: Patch::Clear, ..text("hello") };
    let cleared = company.update(&ann, message.id, 3, cleared).await.expect("edited");

    assert_eq!(without.mentions, ids(&[&bob]), "who has left since stays");
    assert_eq!(again.mentions, ids(&[&bob, &cat]));
    assert_eq!(wrong.errors().len(), 1);
    assert_eq!(wrong.errors()[0].place, Place::Pointer("#/mentions/1".into()));
    assert_eq!(cleared.mentions, []);
    company.end().await;
}

#[tokio::test]
async fn more_people_than_a_message_names_are_refused_wherever_they_stand() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    let many: String = (1..=51).map(|n| format!("<@{}> ", Uuid::from_u128(n))).collect();

    let refused = company.send(&ann, channel, saying(&many)).await.expect_err("too many");

    assert_eq!(refused.errors()[0].place, Place::Pointer("#/mentions".into()));
    company.end().await;
}

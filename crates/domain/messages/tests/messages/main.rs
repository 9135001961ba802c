//! Messages on a real database: who sees and changes what, what each write
//! leaves in the log, and what happens when many write at once.

mod company;
mod doors;
mod edits;
mod lists;
mod mentions;
mod reactions;
mod threads;
mod together;

use company::{Company, saying, text};
use sayso_access::Role;
use sayso_channels::error::NOT_A_MEMBER;
use sayso_channels::events::stream;
use sayso_channels::model::ChannelKind;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND};
use sayso_messages::error::CHANNEL_ARCHIVED;
use sayso_messages::service;
use sayso_testkit::TestDatabase;
use uuid::Uuid;

#[tokio::test]
async fn every_statement_prepares_against_the_real_schema() {
    let database = TestDatabase::new().await;
    let client = database.app().await;

    for sql in sayso_messages::statements() {
        let prepared = client.prepare(sql.text).await;
        assert!(prepared.is_ok(), "{}: {:?}", sql.name, prepared.err());
    }
}

#[tokio::test]
async fn who_has_not_joined_is_told_so_and_who_may_not_know_finds_nothing() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let ceo = company.person("ceo", Role::Ceo).await;
    for (kind, code) in [(ChannelKind::Public, &NOT_A_MEMBER), (ChannelKind::Private, &NOT_FOUND)] {
        let channel = company.channel(&ann, kind, &[]).await;
        let message = company.say(&ann, channel, "hello").await;

        let refusals = [
            company.get(&ceo, message.id).await.map(drop),
            company.send(&ceo, channel, saying("let me in")).await.map(drop),
            company.update(&ceo, message.id, 1, text("mine")).await.map(drop),
            company.delete(&ceo, message.id).await,
            company.restore(&ceo, message.id).await.map(drop),
            company.react(&ceo, message.id, &["👍"], &[]).await.map(drop),
            company.read_thread(&ceo, message.id, message.id).await.map(drop),
            company.revert(&ceo, message.id, 1).await.map(drop),
        ];

        for (index, refusal) in refusals.into_iter().enumerate() {
            let fault = refusal.expect_err("refused");
            assert!(fault.is(code), "{kind:?} {index}: {fault}");
        }
        assert_eq!(company.get(&ann, message.id).await.expect("there"), message);
    }
    company.end().await;
}

#[tokio::test]
async fn in_a_channel_that_is_put_away_nothing_is_said_edited_or_reacted_but_deleted() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    let message = company.say(&ann, channel, "hello").await;
    company.archive(channel).await;

    let refusals = [
        company.send(&ann, channel, saying("more")).await.map(drop),
        company.update(&ann, message.id, 1, text("else")).await.map(drop),
        company.react(&ann, message.id, &["👍"], &[]).await.map(drop),
        company.revert(&ann, message.id, 1).await.map(drop),
    ];

    for refusal in refusals {
        assert!(refusal.is_err_and(|fault| fault.is(&CHANNEL_ARCHIVED)));
    }
    assert!(company.get(&ann, message.id).await.is_ok());
    company.delete(&ann, message.id).await.expect("deleted");
    company.end().await;
}

#[tokio::test]
async fn admins_delete_what_others_said_members_do_not_and_it_comes_back_whole() {
    let company = Company::new().await;
    let host = company.person("host", Role::Manager).await;
    let ann = company.person("ann", Role::Staff).await;
    let ceo = company.person("ceo", Role::Ceo).await;
    let channel = company.channel(&host, ChannelKind::Private, &[&ann, &ceo]).await;
    let message = company.say(&ann, channel, "hello").await;
    company.react(&ceo, message.id, &["👍"], &[]).await.expect("reacted");
    company.update(&ann, message.id, 1, text("hello all")).await.expect("edited");

    let other = company.delete(&ceo, message.id).await.expect_err("said by somebody else");
    let edited = company.update(&host, message.id, 2, text("no")).await.expect_err("not own");
    company.delete(&host, message.id).await.expect("an admin deletes");
    let gone = company.get(&ann, message.id).await.expect_err("gone");
    let again = company.delete(&ann, message.id).await.expect_err("gone");
    let stranger = company.restore(&ceo, message.id).await.expect_err("said by somebody else");
    let sender = company.restore(&ann, message.id).await.expect_err("an admin removed it");
    let back = company.restore(&host, message.id).await.expect("restored");
    let same = company.restore(&ann, message.id).await.expect("no change");

    assert!(other.is(&FORBIDDEN) && edited.is(&FORBIDDEN) && stranger.is(&FORBIDDEN));
    assert!(sender.is(&FORBIDDEN), "{sender}");
    assert!(gone.is(&NOT_FOUND) && again.is(&NOT_FOUND));
    assert_eq!((back.version, back.revision, back.content.as_str()), (4, 5, "hello all"));
    assert_eq!(back.reactions.len(), 1);
    assert_eq!(same, back);
    let heard = company.heard().await;
    let kinds: Vec<&str> = heard.iter().map(|heard| heard.kind.as_str()).collect();
    let wanted = [
        "message.sent",
        "message.reacted",
        "message.edited",
        "message.deleted",
        "message.restored",
    ];
    assert_eq!(kinds, wanted);
    let own = stream(channel).to_string();
    assert!(heard.iter().all(|heard| heard.streams == [own.as_str()]), "{heard:?}");
    let gone = serde_json::json!({ "id": message.id, "channelId": channel });
    assert_eq!(heard[3].data, gone);
    company.end().await;
}

#[tokio::test]
async fn who_said_it_brings_back_what_they_took_back_themselves() {
    let company = Company::new().await;
    let host = company.person("host", Role::Manager).await;
    let ann = company.person("ann", Role::Staff).await;
    let channel = company.channel(&host, ChannelKind::Private, &[&ann]).await;
    let message = company.say(&ann, channel, "hello").await;

    company.delete(&ann, message.id).await.expect("taken back");
    let back = company.restore(&ann, message.id).await.expect("restored");
    company.delete(&host, message.id).await.expect("removed");
    let refused = company.restore(&ann, message.id).await.expect_err("removed by another");

    assert_eq!(back.content, "hello");
    assert!(refused.is(&FORBIDDEN), "{refused}");
    company.end().await;
}

#[tokio::test]
async fn the_audit_knows_size_and_hash_of_a_text_and_never_the_text() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;

    let message = company.say(&ann, channel, "a quiet word").await;
    company.update(&ann, message.id, 1, text("another quiet word")).await.expect("edited");
    company.delete(&ann, message.id).await.expect("deleted");
    company.restore(&ann, message.id).await.expect("restored");

    let audit = company.audit().await;
    for action in ["message.sent", "message.edited", "message.deleted", "message.restored"] {
        assert!(audit.contains(action), "{action} is not in the audit");
    }
    assert!(audit.contains("sha256") && audit.contains("bytes"));
    assert!(!audit.contains("quiet word"), "{audit}");
    company.end().await;
}

#[tokio::test]
async fn a_task_is_named_in_the_message_it_was_made_from_without_being_an_edit() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let bob = company.person("bob", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let message = company.say(&ann, channel, "who buys the cake?").await;
    let task = Uuid::from_u128(7);
    let owner = company.database.owner().await;
    let sql = "INSERT INTO tasks (id, title, created_by, created_at, updated_at)
               VALUES ($1, 'Buy the cake', $2, now(), now())";
    owner.execute(sql, &[&task, &bob.user_id]).await.expect("a task");

    let ctx = company.ctx(&bob);
    let db = company.db();
    let linked = db.transaction(&ctx, async move |tx, ctx| {
        let held = service::hold_in(tx, ctx, message.id).await?;
        service::link_task_in(tx, ctx, held.id, task).await
    });
    let linked = linked.await.expect("linked");

    assert_eq!((linked.task_id, linked.version, linked.revision), (Some(task), 1, 2));
    let told = company.heard().await.pop().expect("an event");
    assert_eq!(told.kind, "message.edited");
    assert_eq!(told.change, serde_json::json!({ "fields": ["taskId"] }));
    assert_eq!(told.data["taskId"], task.to_string());
    company.end().await;
}

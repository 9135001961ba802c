//! Threads: what their head shows, and how far one has read.

use sayso_access::Role;
use sayso_channels::model::ChannelKind;
use sayso_db::Stream;
use sayso_kernel::Kind;
use sayso_kernel::fault::NOT_FOUND;
use sayso_messages::model::Draft;
use sayso_messages::thread::{self, Thread};
use sayso_messages::window::Order;
use sayso_messages::{Message, MessageId};
use serde_json::json;

use crate::company::{Company, saying};

async fn read(company: &Company, reader: &sayso_access::Actor, id: MessageId) -> Thread {
    let asked = (Order::OldestFirst, None, 20);
    let ctx = company.ctx(reader);
    thread::read(&mut company.database.db().read(), &ctx, id, asked).await.expect("a thread")
}

fn ids(messages: &[Message]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id).collect()
}

#[tokio::test]
async fn the_head_of_a_thread_counts_its_answers_also_when_they_go_and_come_back() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let bob = company.person("bob", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let head = company.say(&ann, channel, "who buys the cake?").await;
    let first = company.answer(&bob, &head, "I do").await;
    let last = company.answer(&ann, &head, "thank you").await;

    let two = company.get(&ann, head.id).await.expect("there");
    company.delete(&ann, last.id).await.expect("deleted");
    let one = company.get(&ann, head.id).await.expect("there");
    company.restore(&ann, last.id).await.expect("restored");
    let back = company.get(&ann, head.id).await.expect("there");
    let nested = Draft { thread_id: Some(first.id), ..saying("no threads in threads") };
    let nested = company.send(&ann, channel, nested).await.expect_err("an answer");

    let counts = |head: &Message| (head.reply_count, head.last_reply_at, head.version);
    assert_eq!(counts(&two), (2, Some(last.created_at), 1));
    assert_eq!(counts(&one), (1, Some(first.created_at), 1));
    assert_eq!(counts(&back), counts(&two));
    assert_eq!(nested.errors()[0].code, "message.unknown");
    let heard = company.heard().await;
    let kinds: Vec<&str> = heard.iter().map(|heard| heard.kind.as_str()).collect();
    let changed = "message.thread_changed";
    let wanted = [
        "message.sent",
        "message.sent",
        changed,
        "message.sent",
        changed,
        "message.deleted",
        changed,
        "message.restored",
        changed,
    ];
    assert_eq!(kinds, wanted);
    assert_eq!(heard[2].data["replyCount"], 1);
    assert_eq!(heard[2].data["id"], json!(head.id));
    company.end().await;
}

#[tokio::test]
async fn answers_outlive_their_head_and_nobody_adds_to_them_until_it_is_back() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let bob = company.person("bob", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let head = company.say(&ann, channel, "who buys the cake?").await;
    let answer = company.answer(&bob, &head, "I do").await;
    let other = company.answer(&bob, &head, "no, I do not").await;

    company.delete(&ann, head.id).await.expect("deleted");
    let late = Draft { thread_id: Some(head.id), ..saying("late") };
    let late = company.send(&bob, channel, late).await.expect_err("gone");
    company.delete(&bob, other.id).await.expect("deleted");
    assert!(company.get(&ann, answer.id).await.is_ok());
    let ctx = company.ctx(&bob);
    let asked = (Order::OldestFirst, None, 20);
    let gone = thread::read(&mut company.database.db().read(), &ctx, answer.id, asked).await;
    let back = company.restore(&ann, head.id).await.expect("restored");

    assert_eq!(late.kind(), Kind::Invalid);
    assert!(gone.is_err_and(|fault| fault.is(&NOT_FOUND)));
    assert_eq!(back.reply_count, 1);
    assert_eq!(ids(&read(&company, &bob, answer.id).await.answers.items), [answer.id]);
    company.end().await;
}

#[tokio::test]
async fn a_thread_has_a_watermark_of_its_own_which_only_rises() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let bob = company.person("bob", Role::Staff).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let head = company.say(&ann, channel, "news?").await;
    let elsewhere = company.say(&ann, channel, "lunch").await;
    let first = company.answer(&bob, &head, "one").await;
    let second = company.answer(&bob, &head, "two").await;
    let own = company.answer(&ann, &head, "thanks").await;

    let before = read(&company, &ann, first.id).await;
    let after = company.read_thread(&ann, second.id, first.id).await.expect("read");
    let all = company.read_thread(&ann, head.id, own.id).await.expect("read");
    let back = company.read_thread(&ann, head.id, head.id).await.expect("already further");
    let wrong = company.read_thread(&ann, head.id, elsewhere.id).await.expect_err("elsewhere");

    assert_eq!((before.head.id, before.reading.unread_count), (head.id, 2));
    assert_eq!(ids(&before.answers.items), [first.id, second.id, own.id]);
    assert_eq!((after.unread_count, after.last_read_message_id), (1, Some(first.id)));
    assert_eq!((all.unread_count, all.last_read_message_id), (0, Some(own.id)));
    assert_eq!(back, all);
    assert_eq!(wrong.errors()[0].code, "message.unknown");
    assert_eq!(read(&company, &bob, head.id).await.reading.unread_count, 1, "bob has not read");
    let told: Vec<_> =
        company.heard().await.into_iter().filter(|heard| heard.kind == "thread.read").collect();
    assert_eq!(told.len(), 2, "only what rose is told");
    assert_eq!(told[1].streams, [Stream::User(ann.user_id).to_string()]);
    let data = json!({ "threadId": head.id, "channelId": channel, "userId": ann.user_id,
                       "lastReadMessageId": own.id, "unreadCount": 0 });
    assert_eq!(told[1].data, data);
    company.end().await;
}

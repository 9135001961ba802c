//! The messages of a channel: both orders, both directions, around one.

use sayso_access::Role;
use sayso_channels::error::NOT_A_MEMBER;
use sayso_channels::model::ChannelKind;
use sayso_kernel::fault::NOT_FOUND;
use sayso_messages::MessageId;
use sayso_messages::service::{self, Asked};
use sayso_messages::window::{Order, Window};

use crate::company::{Company, asked, saying};

const ORDERS: [Order; 2] = [Order::NewestFirst, Order::OldestFirst];

fn ids(window: &Window) -> Vec<MessageId> {
    window.items.iter().map(|message| message.id).collect()
}

/// A channel with so many messages, several of them of one moment; with their
/// ids from the oldest to the newest.
async fn talk(
    company: &Company,
    owner: &sayso_access::Actor,
    count: usize,
) -> (sayso_channels::ChannelId, Vec<MessageId>) {
    let channel = company.channel(owner, ChannelKind::Private, &[]).await;
    let mut sent = Vec::new();
    for index in 0..count {
        let moment = std::time::Duration::from_millis(u64::from(index % 3 == 0));
        company.stage.advance(moment);
        let message = company.send(owner, channel, saying(&format!("{index}"))).await;
        let message = message.expect("sent");
        sent.push((message.created_at, message.id));
    }
    sent.sort();
    (channel, sent.into_iter().map(|(_, id)| id).collect())
}

#[tokio::test]
async fn pages_lead_through_a_channel_and_back_again_in_both_orders() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let ctx = company.ctx(&ann);
    let (channel, sent) = talk(&company, &ann, 10).await;
    let mut db = company.database.db().read();
    for order in ORDERS {
        let mut expected = sent.clone();
        if order == Order::NewestFirst {
            expected.reverse();
        }
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        let last = loop {
            let question = asked(order, cursor.as_deref(), 4);
            let page = service::list(&mut db, &ctx, channel, question).await.expect("a page");
            assert_eq!(page.prev_cursor.is_some(), !seen.is_empty());
            seen.push(ids(&page));
            if page.next_cursor.is_none() {
                break page;
            }
            cursor = page.next_cursor;
        };
        assert_eq!(seen.concat(), expected, "{order:?}");

        let (mut back, mut cursor) = (vec![ids(&last)], last.prev_cursor);
        while let Some(before) = cursor {
            let question = asked(order, Some(&before), 4);
            let page = service::list(&mut db, &ctx, channel, question).await.expect("a page");
            assert!(page.next_cursor.is_some());
            back.insert(0, ids(&page));
            cursor = page.prev_cursor;
        }
        assert_eq!(back.concat(), expected, "{order:?} backwards");
    }
    company.end().await;
}

#[tokio::test]
async fn a_message_is_shown_with_its_neighbours_and_both_cursors_lead_on_from_there() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let ctx = company.ctx(&ann);
    let (channel, sent) = talk(&company, &ann, 12).await;
    let mut db = company.database.db().read();
    for order in ORDERS {
        for (place, center) in sent.iter().enumerate() {
            let question = asked(order, None, 5);
            let window = service::around(&mut db, &ctx, channel, *center, question).await;
            let window = window.expect("a window");

            let mut shown = sent[place.saturating_sub(2)..(place + 3).min(12)].to_vec();
            if order == Order::NewestFirst {
                shown.reverse();
            }
            assert_eq!(ids(&window), shown, "{order:?} around {place}");
            let (older, newer) = (place > 2, place < 9);
            let (before, behind) =
                if order == Order::NewestFirst { (newer, older) } else { (older, newer) };
            assert_eq!(window.prev_cursor.is_some(), before, "{order:?} around {place}");
            assert_eq!(window.next_cursor.is_some(), behind, "{order:?} around {place}");
            for (cursor, forward) in [(window.next_cursor, true), (window.prev_cursor, false)] {
                let Some(cursor) = cursor else { continue };
                let question = asked(order, Some(&cursor), 100);
                let rest = service::list(&mut db, &ctx, channel, question).await.expect("a page");
                let rest = ids(&rest);
                let goes_up = (order == Order::OldestFirst) == forward;
                let mut wanted =
                    if goes_up { sent[place + 3..].to_vec() } else { sent[..place - 2].to_vec() };
                if order == Order::NewestFirst {
                    wanted.reverse();
                }
                assert_eq!(rest, wanted, "{order:?} from {place}");
            }
        }
    }
    company.end().await;
}

#[tokio::test]
async fn answers_are_left_out_where_nobody_asks_for_them_and_what_is_hidden_stays_so() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Staff).await;
    let bob = company.person("bob", Role::Staff).await;
    let open = company.channel(&ann, ChannelKind::Public, &[]).await;
    let closed = company.channel(&ann, ChannelKind::Private, &[]).await;
    let empty = company.channel(&ann, ChannelKind::Private, &[]).await;
    let head = company.say(&ann, open, "head").await;
    let answer = company.answer(&ann, &head, "answer").await;
    let gone = company.say(&ann, open, "gone").await;
    let secret = company.say(&ann, closed, "secret").await;
    company.delete(&ann, gone.id).await.expect("deleted");
    let (mut db, own, other) = (company.database.db().read(), company.ctx(&ann), company.ctx(&bob));
    let all = asked(Order::NewestFirst, None, 20);

    let both = service::list(&mut db, &own, open, all).await.expect("a page");
    let heads = Asked { threads: false, ..all };
    let heads_only = service::list(&mut db, &own, open, heads).await.expect("a page");
    let around = service::around(&mut db, &own, open, answer.id, heads).await.expect("a window");
    let nothing = service::list(&mut db, &own, empty, all).await.expect("a page");

    assert_eq!(ids(&both), [answer.id, head.id]);
    assert_eq!(ids(&heads_only), [head.id]);
    assert_eq!(ids(&around), [answer.id, head.id]);
    assert!(nothing.items.is_empty() && nothing.next_cursor.is_none());
    for center in [gone.id, secret.id] {
        let unknown = service::around(&mut db, &own, open, center, all).await;
        assert_eq!(unknown.expect_err("not here").errors()[0].code, "message.unknown");
    }
    let joined = service::list(&mut db, &other, open, all).await.expect_err("not joined");
    let hidden = service::list(&mut db, &other, closed, all).await.expect_err("hidden");
    let peek = service::around(&mut db, &other, closed, secret.id, all).await;
    assert!(joined.is(&NOT_A_MEMBER) && hidden.is(&NOT_FOUND));
    assert!(peek.is_err_and(|fault| fault.is(&NOT_FOUND)));
    let cursor = sayso_kernel::page::encode("another list", &1);
    let foreign = asked(Order::NewestFirst, Some(&cursor), 20);
    let foreign = service::list(&mut db, &own, open, foreign).await.expect_err("another list");
    assert_eq!(foreign.errors()[0].code, "cursor.invalid");
    company.end().await;
}

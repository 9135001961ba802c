//! Presence and typing on their way to whoever shares a channel.
//!
//! Many who come at once (a node restarts, a morning begins) must not cost as
//! many packets as there are pairs of people. Changes are gathered for a
//! moment, so that each person is told of once and whoever was back before
//! that not at all; and a socket that has to hear of many hears of them in one
//! packet, put together from what was encoded once.

use std::collections::HashMap;
use std::sync::Arc;

use sayso_access::UserId;
use sayso_db::Stream;
use sayso_events::{News, Status, Whisper};
use tokio::sync::mpsc;

use crate::limits::WHISPERS_MAX;
use crate::node::Node;
use crate::outbox::Packet;
use crate::protocol::{
    CONNECTED, DISCONNECTED, Listed, PRESENCE, PRESENCE_MANY, Person, TYPING_ENDED, Typist, encode,
};
use crate::session::Session;

/// Whispers handed out between two chances for other tasks to run.
const BURST: usize = 32;

/// Publishes what has changed of who is there.
pub(crate) fn tell_presence(node: &Node) {
    let parted = node.board.take_parted();
    let mut circles = HashMap::new();
    let news = node.presence.news(|user| {
        let circle = circle(node, user).or_else(|| parted.get(&user).cloned());
        circle.is_some_and(|circle| circles.insert(user, circle).is_none())
    });
    let whispers = news.iter().flat_map(|news| {
        let streams = circles.remove(&news.user).unwrap_or_default();
        told(news, &streams)
    });
    node.volatile.publish(whispers.collect());
}

/// The streams whose followers are to know of a person: the channels of the
/// person, and the person's own. `None` while nobody knows them here.
fn circle(node: &Node, user: UserId) -> Option<Vec<String>> {
    let own = Stream::User(user).to_string();
    let sockets = node.board.followers(&own);
    sockets.iter().find_map(|session| session.circle())
}

fn told(news: &News, streams: &[String]) -> Vec<Whisper> {
    let body = encode(&Person::new(news.user, news.is));
    let coming = match (news.was, news.is.status) {
        (Status::Offline, _) => Some(CONNECTED),
        (_, Status::Offline) => Some(DISCONNECTED),
        _ => None,
    };
    let kinds = coming.into_iter().chain([PRESENCE]);
    let whisper =
        |kind| Whisper { kind, streams: streams.to_vec(), but: None, body: Arc::clone(&body) };
    kinds.map(whisper).collect()
}

/// Of the streams somebody follows those that tell of the person: not the
/// company's, which nobody has to share anything for.
pub(crate) fn shared(followed: &[String]) -> Vec<String> {
    followed.iter().filter(|stream| *stream != "company").cloned().collect()
}

/// What one socket is sent of what it hears at once: many people in one packet.
pub(crate) fn packets(whispers: &[&Whisper]) -> Vec<Packet> {
    let is_of_presence = |it: &&&Whisper| it.kind == PRESENCE;
    let is_many = whispers.iter().filter(is_of_presence).count() > WHISPERS_MAX;
    let is_told = |kind| is_many && [PRESENCE, CONNECTED, DISCONNECTED].contains(&kind);
    let each = whispers.iter().filter(|it| !is_told(it.kind));
    let each = each.map(|it| Packet::Named(it.kind, Arc::clone(&it.body)));
    let listed = is_many.then(|| {
        let people = whispers.iter().filter(is_of_presence).map(|it| Arc::clone(&it.body));
        let people: Vec<_> = people.collect();
        Packet::Named(PRESENCE_MANY, encode(&Listed { people: &people, volatile: true }))
    });
    listed.into_iter().chain(each).collect()
}

/// Somebody no longer types, by word or by what they sent.
pub(crate) fn stop_typing(node: &Node, user: UserId, stream: &str) {
    if node.typing.stop(user, stream) {
        node.volatile.publish(vec![typing_ended(user, stream)]);
    }
}

/// Publishes who was not heard typing any more.
pub(crate) fn end_typing(node: &Node) {
    let ended = node.typing.ended(tokio::time::Instant::now());
    let whispers = ended.iter().map(|(user, stream)| typing_ended(*user, stream));
    node.volatile.publish(whispers.collect());
}

fn typing_ended(user: UserId, stream: &str) -> Whisper {
    let body = encode(&Typist::new(stream, user));
    Whisper { kind: TYPING_ENDED, streams: vec![stream.to_owned()], but: Some(user), body }
}

/// Hands out what is published, until nothing is any more.
pub(crate) async fn run(node: &Node, heard: &mut mpsc::Receiver<sayso_events::Lot>) {
    while let Some(lot) = heard.recv().await {
        let mut due = HashMap::<u64, (Arc<Session>, Vec<usize>)>::new();
        for (n, whisper) in lot.iter().enumerate() {
            for stream in &whisper.streams {
                for session in node.board.followers(stream) {
                    if whisper.but == Some(session.actor.user_id) {
                        continue;
                    }
                    let (_, list) = due.entry(session.id).or_insert((session, Vec::new()));
                    if list.last() != Some(&n) {
                        list.push(n);
                    }
                }
            }
            if n % BURST == BURST - 1 {
                tokio::task::yield_now().await;
            }
        }
        for (n, (session, list)) in due.into_values().enumerate() {
            let mine: Vec<&Whisper> = list.iter().filter_map(|n| lot.get(*n)).collect();
            session.whisper(&mine);
            if n % BURST == BURST - 1 {
                tokio::task::yield_now().await;
            }
        }
    }
}

//! Presence and typing on their way to whoever shares a channel.
//!
//! Many who come at once (a node restarts, a morning begins) must not cost as
//! many packets as there are pairs of people. Changes are gathered for a
//! moment, so that each person is told of once and whoever was back before
//! that not at all; and a socket that has to hear of many hears of them in one
//! packet, put together from what was encoded once.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sayso_access::UserId;
use sayso_db::Stream;
use sayso_events::{News, Status, Whisper};
use serde_json::value::RawValue;
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

/// Tells what has changed of who is there: other nodes what the devices here
/// show, and the sockets of this one what follows from the devices everywhere.
pub(crate) fn tell_presence(node: &Node) {
    let parted = node.board.take_parted();
    let here = |user| circle(node, user).or_else(|| parted.get(&user).cloned());
    node.presence.exchange(node.clock.now(), here);
    let mut circles = HashMap::new();
    let news = node.presence.news(|user| {
        let circle = here(user).or_else(|| node.presence.circle_elsewhere(user));
        circle.is_some_and(|circle| circles.insert(user, circle).is_none())
    });
    let whispers = news.iter().flat_map(|news| {
        let streams = circles.remove(&news.user).unwrap_or_default();
        told(news, &streams)
    });
    node.volatile.publish_here(whispers.collect());
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
    let whisper = |kind: &'static str| Whisper {
        kind: kind.into(),
        streams: streams.to_vec(),
        but: None,
        body: Arc::clone(&body),
    };
    kinds.map(whisper).collect()
}

/// Of the streams somebody follows those that tell of the person: not the
/// company's, which nobody has to share anything for.
pub(crate) fn shared(followed: &[String]) -> Vec<String> {
    followed.iter().filter(|stream| *stream != "company").cloned().collect()
}

/// A packet before it has a socket: its name, and what it says.
type Said = (Cow<'static, str>, Arc<RawValue>);

/// What a socket is sent of what it hears at once: many people in one packet.
fn said<'w>(whispers: impl Iterator<Item = &'w Whisper> + Clone) -> Vec<Said> {
    let of_presence = whispers.clone().filter(|it| it.kind == PRESENCE);
    let is_many = of_presence.clone().count() > WHISPERS_MAX;
    let is_told = |kind: &str| is_many && [PRESENCE, CONNECTED, DISCONNECTED].contains(&kind);
    let each = whispers.filter(|it| !is_told(&it.kind));
    let each = each.map(|it| (it.kind.clone(), Arc::clone(&it.body)));
    let listed = is_many.then(|| {
        let people: Vec<_> = of_presence.map(|it| Arc::clone(&it.body)).collect();
        (PRESENCE_MANY.into(), encode(&Listed { people: &people, volatile: true }))
    });
    listed.into_iter().chain(each).collect()
}

/// What followers of the same streams hear of a lot, put together once for all
/// of them.
pub(crate) struct Chorus<'l> {
    lot: &'l [Whisper],
    streams: Vec<&'l str>,
    heard: Vec<usize>,
    said: Vec<Said>,
    is_for_all: bool,
}

impl<'l> Chorus<'l> {
    fn new(lot: &'l [Whisper], streams: Vec<&'l str>, on: &HashMap<&str, Vec<usize>>) -> Self {
        let all: BTreeSet<usize> =
            streams.iter().filter_map(|it| on.get(it)).flatten().copied().collect();
        let heard: Vec<usize> = all.into_iter().collect();
        let said = said(heard.iter().map(|n| &lot[*n]));
        let is_for_all = heard.iter().all(|n| lot[*n].but.is_none());
        Self { lot, streams, heard, said, is_for_all }
    }

    /// What somebody is sent who follows what `follows` says at this moment.
    pub(crate) fn packets(&self, me: UserId, follows: impl Fn(&str) -> bool) -> Vec<Packet> {
        let packet = |(kind, body)| Packet::Named(kind, body);
        if self.is_for_all && self.streams.iter().all(|stream| follows(stream)) {
            return self.said.iter().cloned().map(packet).collect();
        }
        let is_mine = |whisper: &&Whisper| {
            whisper.but != Some(me) && whisper.streams.iter().any(|stream| follows(stream))
        };
        let mine: Vec<&Whisper> =
            self.heard.iter().map(|n| &self.lot[*n]).filter(is_mine).collect();
        said(mine.into_iter()).into_iter().map(packet).collect()
    }
}

/// Somebody no longer types, by word or by what they sent.
pub(crate) fn stop_typing(node: &Node, user: UserId, stream: &str) {
    if node.typing.stop(user, stream) {
        node.volatile.publish(vec![typing_ended(user, stream)]);
    }
}

/// Publishes who was not heard typing any more, and tells here what could not
/// be told before.
pub(crate) fn end_typing(node: &Node) {
    if node.hub.is_fresh() {
        node.volatile.publish_here(node.unsaid.take());
    }
    let ended = node.typing.ended(tokio::time::Instant::now());
    let whispers = ended.iter().map(|(user, stream)| typing_ended(*user, stream));
    node.volatile.publish(whispers.collect());
}

fn typing_ended(user: UserId, stream: &str) -> Whisper {
    let body = encode(&Typist::new(stream, user));
    Whisper { kind: TYPING_ENDED.into(), streams: vec![stream.to_owned()], but: Some(user), body }
}

/// Hands out what is published, until nothing is any more.
pub(crate) async fn run(node: &Node, heard: &mut mpsc::Receiver<sayso_events::Lot>) {
    while let Some(lot) = heard.recv().await {
        hand_out(node, &lot).await;
    }
}

/// What is said on a stream is looked up once a stream and put together once
/// for all who follow the same: a crowd that comes into a large channel costs
/// as much as there are people in it, and not as there are pairs of them.
async fn hand_out(node: &Node, lot: &[Whisper]) {
    // While it may not be known here who has left a channel, nobody is told who
    // types there.
    let is_fresh = node.hub.is_fresh();
    let told = lot.iter().enumerate().filter(|(_, it)| node.unsaid.admit(it, is_fresh));
    let mut on = HashMap::<&str, Vec<usize>>::new();
    for (n, whisper) in told {
        for stream in &whisper.streams {
            on.entry(stream).or_default().push(n);
        }
    }
    let mut due = HashMap::<u64, (Arc<Session>, Vec<&str>)>::new();
    for stream in on.keys() {
        for session in node.board.followers(stream) {
            due.entry(session.id).or_insert((session, Vec::new())).1.push(stream);
        }
    }
    let mut choruses = HashMap::<Vec<&str>, Chorus<'_>>::new();
    for (n, (session, streams)) in due.into_values().enumerate() {
        let streams = widest(streams, &on);
        let chorus = choruses
            .entry(streams)
            .or_insert_with_key(|streams| Chorus::new(lot, streams.clone(), &on));
        session.whisper(chorus);
        if n % BURST == BURST - 1 {
            tokio::task::yield_now().await;
        }
    }
}

/// Leaves out the streams on which nothing is said that is not said on a wider
/// one as well: what is said of oneself is said to one's channels too.
fn widest<'l>(mut streams: Vec<&'l str>, on: &HashMap<&str, Vec<usize>>) -> Vec<&'l str> {
    let said = |stream: &str| on.get(stream).map_or(&[][..], Vec::as_slice);
    streams.sort_unstable_by_key(|stream| (Reverse(said(stream).len()), *stream));
    let mut wide = Vec::<&str>::new();
    for stream in streams {
        let is_within =
            |other: &&str| said(stream).iter().all(|n| said(other).binary_search(n).is_ok());
        if !wide.iter().any(is_within) {
            wide.push(stream);
        }
    }
    wide
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whisper(n: u128, kind: &'static str, streams: &[&str], but: Option<UserId>) -> Whisper {
        Whisper {
            kind: kind.into(),
            streams: streams.iter().map(|&stream| stream.to_owned()).collect(),
            but,
            body: encode(&n),
        }
    }

    fn on(lot: &[Whisper]) -> HashMap<&str, Vec<usize>> {
        let mut on = HashMap::<&str, Vec<usize>>::new();
        for (n, whisper) in lot.iter().enumerate() {
            for stream in &whisper.streams {
                on.entry(stream).or_default().push(n);
            }
        }
        on
    }

    fn bodies(packets: &[Packet]) -> Vec<String> {
        let body = |packet: &Packet| match packet {
            Packet::Named(kind, body) => format!("{kind} {}", body.get()),
            _ => panic!("only these are said"),
        };
        packets.iter().map(body).collect()
    }

    #[test]
    fn all_in_a_large_channel_share_what_is_said_there_whoever_they_are() {
        let lot = [
            whisper(1, PRESENCE, &["user:a", "channel:1"], None),
            whisper(2, PRESENCE, &["user:b", "channel:1", "channel:2"], None),
        ];
        let on = on(&lot);

        assert_eq!(widest(vec!["user:a", "channel:1"], &on), ["channel:1"]);
        assert_eq!(widest(vec!["channel:2", "channel:1", "user:b"], &on), ["channel:1"]);
        assert_eq!(widest(vec!["channel:2", "user:a"], &on), ["channel:2", "user:a"]);
    }

    #[test]
    fn whoever_left_a_stream_or_said_it_themselves_does_not_hear_it() {
        let me = UserId(uuid::Uuid::from_u128(9));
        let lot = [
            whisper(1, "a", &["channel:1"], None),
            whisper(2, "b", &["channel:2"], None),
            whisper(3, "c", &["channel:1"], Some(me)),
        ];
        let on = on(&lot);
        let chorus = Chorus::new(&lot, vec!["channel:1", "channel:2"], &on);
        let other = UserId(uuid::Uuid::from_u128(8));

        assert_eq!(bodies(&chorus.packets(other, |_| true)), ["a 1", "b 2", "c 3"]);
        assert_eq!(bodies(&chorus.packets(me, |_| true)), ["a 1", "b 2"]);
        assert_eq!(bodies(&chorus.packets(other, |it| it == "channel:2")), ["b 2"]);
    }
}

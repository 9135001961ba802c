//! The seam under every interleaving that chance finds: a log that grows, a
//! dispatcher behind it, and a socket that is brought up in between. The judge
//! is the client's own hole detector.

use std::collections::HashMap;

use proptest::prelude::*;
use sayso_events::{Attachment, FollowedStream};
use sayso_kernel::Timestamp;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::*;
use crate::replay::changed;

const ME: UserId = UserId(Uuid::from_u128(1));
const MY_STREAM: &str = "user:00000000-0000-0000-0000-000000000001";
const LOGIN: SessionId = SessionId(Uuid::from_u128(2));
const CHANNELS: [&str; 2] = ["channel:a", "channel:b"];

/// The log as PostgreSQL has it.
#[derive(Default)]
struct World {
    log: Vec<Arc<Event>>,
    heads: HashMap<String, i64>,
    /// What I follow, and since when.
    follows: HashMap<String, i64>,
}

impl World {
    fn new() -> Self {
        let follows = [("company", 0), (MY_STREAM, 0)];
        Self { follows: follows.map(|(name, at)| (name.to_owned(), at)).into(), ..Self::default() }
    }

    fn head(&self) -> i64 {
        i64::try_from(self.log.len()).unwrap()
    }

    fn append(&mut self, streams: &[&str], effects: Vec<Effect>) {
        let position = self.head() + 1;
        let placed = streams.iter().map(|stream| {
            let seq = self.heads.entry((*stream).to_owned()).or_default();
            *seq += 1;
            Placed::new((*stream).to_owned(), *seq)
        });
        let streams = placed.collect();
        for effect in &effects {
            match effect {
                Effect::Follow { user: ME, stream } => {
                    self.follows.entry(stream.clone()).or_insert(position);
                }
                Effect::Unfollow { user: ME, stream } | Effect::Close { stream } => {
                    self.follows.remove(stream);
                }
                _ => {}
            }
        }
        self.log.push(Arc::new(event(position, streams, effects)));
    }

    /// A random fact: on some stream, perhaps with an effect.
    fn append_some(&mut self, dice: u8) {
        let channel = CHANNELS[usize::from(dice & 1)];
        let other = UserId(Uuid::from_u128(9));
        let stream = channel.to_owned();
        match dice >> 1 & 15 {
            0..6 => self.append(&[channel], vec![]),
            6 => self.append(&["company"], vec![]),
            7 => self.append(&[MY_STREAM, "user:other"], vec![]),
            8 => self.append(&["user:other"], vec![Effect::Follow { user: other, stream }]),
            9..12 => self.append(&[MY_STREAM], vec![Effect::Follow { user: ME, stream }]),
            12 => self.append(&[channel], vec![Effect::Follow { user: ME, stream }]),
            13 => self.append(&[MY_STREAM], vec![Effect::Unfollow { user: ME, stream }]),
            14 => self.append(&[channel], vec![Effect::Unfollow { user: ME, stream }]),
            _ => self.append(&[channel], vec![Effect::Close { stream }]),
        }
    }

    /// What `Log::attach` answers.
    fn attach(&self, start: i64) -> Attachment {
        let streams = self.follows.iter().map(|(stream, since)| {
            let from = start.max(*since);
            FollowedStream { stream: stream.clone(), from, seq: self.seq_at(stream, from) }
        });
        Attachment {
            epoch: "e".into(),
            head: self.head(),
            start,
            streams: streams.collect(),
            refused: None,
        }
    }

    fn seq_at(&self, stream: &str, position: i64) -> i64 {
        let before = self.log.iter().filter(|event| event.position <= position);
        let seqs = before.flat_map(|event| &event.streams);
        seqs.filter(|placed| placed.stream == stream).map(|placed| placed.seq).max().unwrap_or(0)
    }

    /// What `Log::replay` answers.
    fn past(&self, from: &Attachment) -> Vec<(Arc<Event>, usize)> {
        let range = self.log.iter().filter(|event| event.position <= from.head);
        let mine = range.filter_map(|event| {
            let fits = |placed: &Placed| {
                let mut streams = from.streams.iter();
                streams.any(|at| at.stream == placed.stream && event.position > at.from)
            };
            Some((Arc::clone(event), event.streams.iter().position(fits)?))
        });
        mine.collect()
    }
}

fn event(position: i64, streams: Vec<Placed>, effects: Vec<Effect>) -> Event {
    Event {
        position,
        id: Uuid::nil(),
        kind: "it.happened".into(),
        version: 1,
        at: Timestamp::UNIX_EPOCH,
        actor_id: None,
        via: "http".into(),
        correlation_id: Uuid::nil(),
        streams,
        data: RawValue::NULL.to_owned(),
        change: None,
        effects,
        trace: None,
    }
}

/// A client that checks what it is told.
#[derive(Default)]
struct Client {
    seqs: HashMap<String, i64>,
    position: i64,
    untold: HashMap<String, i64>,
    ended: Option<String>,
}

impl Client {
    fn ready(&mut self, attachment: &Attachment) {
        self.position = attachment.start;
        self.seqs = attachment.streams.iter().map(|at| (at.stream.clone(), at.seq)).collect();
    }

    fn framed(&mut self, before: &Attachment, now: &Attachment) {
        let (ended, begun) = changed(before, now);
        for stream in ended {
            self.hear(Tell::Left(stream));
        }
        for at in begun {
            self.hear(Tell::Joined(&at.stream, at.seq));
        }
    }

    fn hear(&mut self, tell: Tell<'_>) {
        match tell {
            Tell::Event(event, place) => {
                let Placed { stream, seq, .. } = &event.streams[place];
                assert!(event.position > self.position, "{} came late", event.position);
                self.position = event.position;
                let last = self.seqs.get_mut(stream);
                let last = last.unwrap_or_else(|| panic!("{stream} is not followed"));
                assert_eq!(*seq, *last + 1, "a hole or a repeat on {stream}");
                *last = *seq;
            }
            Tell::Joined(stream, seq) => {
                self.untold.remove(stream);
                let before = self.seqs.insert(stream.to_owned(), seq);
                assert_eq!(before, None, "{stream} was followed already");
            }
            Tell::JoinedSomewhere(stream, position) => {
                self.untold.insert(stream.to_owned(), position);
            }
            Tell::Left(stream) => {
                assert!(self.seqs.remove(stream).is_some(), "{stream} was not followed");
            }
            Tell::Ended(code) | Tell::Renewed(code) => self.ended = Some(code.to_owned()),
        }
    }

    /// Nothing is missing: it is where the log is, on every stream it follows.
    fn assert_complete(&self, world: &World, reader: &Reader) {
        for stream in world.follows.keys() {
            let seq = match self.seqs.get(stream) {
                Some(seq) => *seq,
                None => {
                    let position = self.untold.get(stream);
                    world.seq_at(stream, *position.unwrap_or_else(|| panic!("no {stream}")))
                }
            };
            assert_eq!(seq, world.seq_at(stream, i64::MAX), "the end of {stream} is missing");
        }
        for stream in self.seqs.keys() {
            assert!(world.follows.contains_key(stream), "{stream} has ended");
        }
        let mut followed: Vec<&str> = reader.followed().collect();
        let mut expected: Vec<&str> = world.follows.keys().map(String::as_str).collect();
        followed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(followed, expected);
    }
}

/// The steps of bringing a socket up, one at a time.
enum Step {
    Listen,
    Attach,
    GoLive(Attachment),
    Live,
}

struct Play {
    world: World,
    handed_out: usize,
    reader: Reader,
    client: Client,
    step: Step,
    before: Option<Attachment>,
}

impl Play {
    fn new(past: &[u8], cursor: u8, kept_max: usize) -> Self {
        let mut world = World::new();
        past.iter().for_each(|dice| world.append_some(*dice));
        let head = world.head();
        let start = i64::from(cursor).min(head);
        let client = Client { position: start, ..Client::default() };
        let reader = Reader::new(ME, LOGIN, kept_max);
        // The dispatcher may be anywhere before the head.
        let handed_out = usize::try_from(head - i64::from(cursor) % 4).unwrap_or(0);
        Self { world, handed_out, reader, client, step: Step::Listen, before: None }
    }

    fn hand_out(&mut self) {
        if let Some(event) = self.world.log.get(self.handed_out) {
            self.handed_out += 1;
            self.reader.offer(event, &mut |tell| self.client.hear(tell));
        }
    }

    fn bring_up(&mut self) {
        self.step = match std::mem::replace(&mut self.step, Step::Live) {
            Step::Listen => {
                self.reader.listen();
                Step::Attach
            }
            Step::Attach => {
                let start = self.before.as_ref().map_or(self.client.position, |old| old.head);
                let now = self.world.attach(start);
                match &self.before {
                    Some(before) => self.client.framed(before, &now),
                    None => self.client.ready(&now),
                }
                Step::GoLive(now)
            }
            Step::GoLive(now) => {
                for (event, place) in self.world.past(&now) {
                    self.client.hear(Tell::Event(&event, place));
                }
                let streams = now.streams.iter().map(|at| at.stream.as_str());
                let tell = &mut |tell: Tell<'_>| self.client.hear(tell);
                if self.reader.go_live(now.head, streams, tell).is_ok() {
                    Step::Live
                } else {
                    self.before = Some(now);
                    Step::Listen
                }
            }
            Step::Live => Step::Live,
        };
    }

    fn finish(mut self) {
        while !matches!(self.step, Step::Live) {
            self.bring_up();
        }
        while self.handed_out < self.world.log.len() {
            self.hand_out();
        }
        self.client.assert_complete(&self.world, &self.reader);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 5_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_or_doubled_where_past_and_present_meet(
        past in prop::collection::vec(any::<u8>(), 0..30),
        moves in prop::collection::vec((0..3_u8, any::<u8>()), 0..80),
        cursor in 0..30_u8,
        kept_max in 1..6_usize,
    ) {
        let mut play = Play::new(&past, cursor, kept_max);
        for (which, dice) in moves {
            match which {
                0 => play.world.append_some(dice),
                1 => play.hand_out(),
                _ => play.bring_up(),
            }
        }
        play.finish();
    }
}

fn live(streams: &[&str]) -> Reader {
    let mut reader = Reader::new(ME, LOGIN, 10);
    reader.go_live(0, streams.iter().copied(), &mut |_| ()).unwrap();
    reader
}

fn told(reader: &mut Reader, event: Event) -> Vec<String> {
    let mut told = Vec::new();
    reader.offer(&Arc::new(event), &mut |tell| told.push(format!("{tell:?}")));
    // The event itself is long.
    told.iter().map(|told| told.chars().take(26).collect()).collect()
}

#[test]
fn who_is_removed_hears_of_it_and_nothing_after_it() {
    let mut reader = live(&[MY_STREAM, "channel:a"]);
    let effects = vec![Effect::Unfollow { user: ME, stream: "channel:a".into() }];
    let left = event(1, vec![Placed::new(MY_STREAM.into(), 4)], effects);
    let later = event(2, vec![Placed::new("channel:a".into(), 8)], vec![]);

    let told_of_it = told(&mut reader, left);

    assert_eq!(told_of_it.len(), 2);
    assert!(told_of_it[0].starts_with("Event("), "{told_of_it:?}");
    assert_eq!(told_of_it[1], r#"Left("channel:a")"#);
    assert_eq!(told(&mut reader, later), Vec::<String>::new());
}

#[test]
fn who_joins_is_told_where_the_stream_begins_before_its_first_event() {
    let mut reader = live(&[MY_STREAM]);
    let effects = vec![Effect::Follow { user: ME, stream: "channel:a".into() }];
    let joined = event(1, vec![Placed::new(MY_STREAM.into(), 4)], effects);
    let first = event(2, vec![Placed::new("channel:a".into(), 8)], vec![]);

    assert!(told(&mut reader, joined)[1].starts_with("JoinedSomewhere("));
    assert_eq!(told(&mut reader, first)[0], r#"Joined("channel:a", 7)"#);
    assert!(!reader.tell_seq("channel:a", 1), "it was told by the event");
}

#[test]
fn a_session_that_ends_during_the_replay_hears_no_more_of_the_past() {
    let mut reader = Reader::new(ME, LOGIN, 10);
    let effects = vec![Effect::EndSession { session: LOGIN, code: "auth.session_revoked".into() }];

    assert_eq!(told(&mut reader, event(1, vec![], effects)), [r#"Ended("auth.session_revoke"#]);
}

#[test]
fn who_may_do_something_else_now_comes_back_also_from_the_midst_of_the_replay() {
    let mut reader = Reader::new(ME, LOGIN, 10);
    let renew = |user| vec![Effect::Reconnect { user, code: "access.changed".into() }];
    let other = UserId(Uuid::max());

    assert!(told(&mut reader, event(1, vec![], renew(other))).is_empty());
    assert_eq!(told(&mut reader, event(2, vec![], renew(ME))), [r#"Renewed("access.changed")"#]);
}

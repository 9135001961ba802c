//! Two nodes and clients of every kind: people go in and out of a channel while
//! messages are written at the other node, clients come in at that very moment,
//! and others cannot go on where they stopped, or may not. Each hears exactly
//! what is theirs, or is told why not.
//!
//! The short form takes seconds; `SAYSO_FAULTS=full` goes a thousand rounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use sayso_testkit::{Client, Connect, Sockets, assert_unbroken, judge, until};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::crash::is_full;
use super::spells::{misheard, was_a_race};
use crate::clients::{Libraries, libraries, of_every_kind, refused};
use crate::cluster::Cluster;
use crate::company::{Company, PASSWORD, open_channel};
use crate::team::logged;
use crate::truth::{Logged, Truth};

const SOON: Duration = Duration::from_secs(60);
/// How many write to a channel at the same time.
const WRITERS: usize = 2;

/// One kind of client: its driver, its name and its transport.
type Kind<'a> = (&'a Sockets, String, &'static str);

/// The messages of a stream.
fn said<'a>(log: impl IntoIterator<Item = &'a Logged>, stream: &str) -> Vec<Logged> {
    let is_said = |event: &&Logged| event.stream == stream && event.kind == "message.sent";
    log.into_iter().filter(is_said).cloned().collect()
}

fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_else(|| panic!("no {field} in {value}"))
}

async fn say(person: &Client, channel: &str, content: &str) {
    let path = format!("/api/channels/{channel}/messages");
    person.post(&path, json!({ "content": content })).await.expect(201);
}

/// Messages that are written to a channel, one after the other by each writer,
/// until it ends.
struct Writing {
    written: Arc<Written>,
    writers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Written {
    count: AtomicUsize,
    is_over: AtomicBool,
}

impl Writing {
    fn begin(who: &Client, channel: &str) -> Self {
        let written = Arc::<Written>::default();
        let writer = |_| {
            let (who, channel, written) = (who.clone(), channel.to_owned(), Arc::clone(&written));
            tokio::spawn(async move {
                while !written.is_over.load(Ordering::SeqCst) {
                    say(&who, &channel, "Who hears this?").await;
                    written.count.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        let writers = (0..WRITERS).map(writer).collect();
        Self { written, writers }
    }

    /// Waits for a message that was not under way before.
    async fn goes_on(&self) {
        let count = || self.written.count.load(Ordering::SeqCst);
        let goal = count() + WRITERS + 1;
        until("another message", SOON, async || (count() >= goal).then_some(())).await;
    }

    async fn end(self) {
        self.written.is_over.store(true, Ordering::SeqCst);
        for writer in self.writers {
            writer.await.unwrap();
        }
    }
}

/// The log, once these sockets have heard something later than all that is in
/// question: what was to come by then has come.
async fn log_of_all_heard(cluster: &Cluster, ids: &[(&Sockets, String)]) -> (Truth, Vec<Logged>) {
    let later = json!({ "name": "later", "kind": "public" });
    cluster.company.ceo.post("/api/channels", later).await.expect(201);
    let truth = Truth::of(&cluster.database.app_config()).await;
    truth.settle().await;
    let log = truth.log().await;
    let last = log.iter().rfind(|event| event.stream == "company").unwrap().position;
    for (sockets, id) in ids {
        until(&format!("the end at {id}"), SOON, async || {
            (sockets.last_position(id) >= last).then_some(())
        })
        .await;
    }
    (truth, log)
}

/// Connects a socket of every kind for somebody; what the first was told.
async fn connect_all(
    clients: &Libraries,
    name: &str,
    person: &Client,
    resume: Option<&Value>,
) -> Value {
    let connecting = of_every_kind(clients).map(|(sockets, kind, transport)| async move {
        let (id, transports, resume) = (format!("{name} {kind}"), &[transport], resume.cloned());
        sockets.connect_and_wait(&Connect { id: &id, person, transports, resume }).await
    });
    join_all(connecting).await.swap_remove(0)
}

/// Ann at the one node and Bob at the other are let into a channel and put out
/// of it again and again, while messages are written there.
async fn people_come_and_go(cluster: &Cluster, clients: &Libraries) {
    let rounds = if is_full() { 1_000 } else { 12 };
    let Company { ceo, ann, bob, .. } = &cluster.company;
    let channel = open_channel(ceo, "in and out", &[]).await;
    let stream = format!("channel:{channel}");
    let began = connect_all(clients, "ann", ann, None).await;
    connect_all(clients, "bob", &cluster.there(bob), None).await;
    let writing = Writing::begin(&cluster.there(ceo), &channel);
    writing.goes_on().await;
    let (members, both) =
        (format!("/api/channels/{channel}/members"), [ann.user_id(), bob.user_id()]);
    for _ in 0..rounds {
        for change in ["add", "remove"] {
            ceo.post(&members, json!({ change: both })).await.expect(200);
            writing.goes_on().await;
        }
    }
    writing.end().await;

    let of = |name: &'static str| {
        of_every_kind(clients).map(move |(sockets, kind, _)| (sockets, format!("{name} {kind}")))
    };
    let ids: Vec<(&Sockets, String)> = of("ann").chain(of("bob")).collect();
    let (truth, log) = log_of_all_heard(cluster, &ids).await;
    let all = said(&log, &stream);
    for (name, person) in [("ann", ann), ("bob", bob)] {
        let spells = truth.memberships(person.user_id(), &channel).await;
        assert_eq!(spells.len(), rounds, "{name}");
        assert!(was_a_race(&all, &spells), "{name}: nothing was said in some of {spells:?}");
        for (sockets, id) in of(name) {
            let heard: Vec<Logged> = sockets.events(&id).iter().map(logged).collect();
            assert_eq!(misheard(&all, &spells, &said(&heard, &stream)), [""; 0], "{id}");
            assert_unbroken(sockets, &id);
        }
    }
    has_no_past(clients, ann, &began, &stream).await;
}

/// Nor is anything of a stream told afterwards to whoever follows it no more.
async fn has_no_past(clients: &Libraries, person: &Client, began: &Value, stream: &str) {
    let resume = json!({ "epoch": began["epoch"], "position": began["position"] });
    connect_all(clients, "back", person, Some(&resume)).await;
    for (sockets, kind, _) in of_every_kind(clients) {
        let id = format!("back {kind}");
        until(&format!("the past of {id}"), SOON, async || {
            let heard = sockets.heard(&id).into_iter();
            let mut replays = heard.filter(|heard| heard.event == "replay");
            replays.any(|heard| heard.payload["more"] == false).then_some(())
        })
        .await;
        assert_eq!(sockets.until_heard(&id, "ready").await.payload["recovered"], true, "{id}");
        let past = sockets.emit(&id, "events.replay", &resume).await["data"]["items"].clone();
        let asked = past.as_array().expect("events").iter();
        for event in sockets.events(&id).iter().chain(asked) {
            assert_ne!(event["stream"], stream, "{id}");
        }
    }
}

/// What somebody heard who came in again and again.
#[derive(Default)]
struct Came {
    /// Where they came in first.
    began: i64,
    heard: Vec<Logged>,
    /// How much of it came as the past.
    replayed: usize,
}

fn replayed(sockets: &Sockets, id: &str) -> usize {
    let heard = sockets.heard(id).into_iter().filter(|heard| heard.event == "replay");
    heard.map(|heard| heard.payload["events"].as_array().map_or(0, Vec::len)).sum()
}

/// Comes in after the last that was heard, takes the past and a little of what is
/// new, and is gone.
async fn comes_in_again_and_again(kind: Kind<'_>, person: &Client, rounds: usize) -> Came {
    let (sockets, kind, transport) = kind;
    let (mut came, mut resume) = (Came::default(), None::<Value>);
    for round in 0..rounds {
        let (id, transports, is_first) = (format!("{kind} {round}"), &[transport], round == 0);
        let connect = Connect { id: &id, person, transports, resume: resume.take() };
        let ready = sockets.connect_and_wait(&connect).await;
        assert_eq!(ready["recovered"], !is_first, "{id}: {ready}");
        if is_first {
            came.began = number(&ready, "position");
        }
        until(&format!("something new at {id}"), SOON, async || {
            (sockets.event_count(&id) >= replayed(sockets, &id) + 2).then_some(())
        })
        .await;
        // What comes from now on is not taken any more, and comes again.
        let events: Vec<Logged> = sockets.events(&id).iter().map(logged).collect();
        sockets.disconnect(&id);
        came.replayed += replayed(sockets, &id);
        let last = events.last().expect("there was something new").position;
        resume = Some(json!({ "epoch": ready["epoch"], "position": last }));
        came.heard.extend(events);
    }
    came
}

/// The manager comes in by every kind of client while messages are written at
/// the other node; in which channel.
async fn come_in_while_messages_are_written(cluster: &Cluster, clients: &Libraries) -> String {
    let rounds = if is_full() { 250 } else { 6 };
    let Company { ceo, manager, .. } = &cluster.company;
    let channel = open_channel(ceo, "always", &[manager]).await;
    let stream = format!("channel:{channel}");
    cluster.settle().await;

    let writing = Writing::begin(&cluster.there(ceo), &channel);
    let coming = of_every_kind(clients).map(|kind| comes_in_again_and_again(kind, manager, rounds));
    let came = join_all(coming).await;
    writing.end().await;

    let truth = Truth::of(&cluster.database.app_config()).await;
    truth.settle().await;
    let all = said(&truth.log().await, &stream);
    for ((_, kind, _), came) in of_every_kind(clients).zip(&came) {
        let last = came.heard.last().expect("it heard something").position;
        let spell = [(came.began, last + 1)];
        assert_eq!(misheard(&all, &spell, &said(&came.heard, &stream)), [""; 0], "{kind}");
    }
    let replayed: usize = came.iter().map(|came| came.replayed).sum();
    let live = came.iter().map(|came| came.heard.len()).sum::<usize>() - replayed;
    assert!(replayed > 0 && live > 0, "{replayed} replayed, {live} live: there was no race");
    eprintln!("{} messages, {replayed} replayed, {live} live", all.len());
    channel
}

/// Asks for what cannot be told any more, or was never said, by the socket's
/// beginning and by an event.
async fn is_told_why(kind: Kind<'_>, person: &Client, cursors: &[(&str, Value)]) {
    let (sockets, kind, transport) = kind;
    for (reason, cursor) in cursors {
        let (id, transports) = (format!("{kind} {reason}"), &[transport]);
        let connect = Connect { id: &id, person, transports, resume: Some(cursor.clone()) };
        let ready = sockets.connect_and_wait(&connect).await;
        let told = (&ready["recovered"], &ready["reason"]);
        assert_eq!(told, (&json!(false), &json!(reason)), "{id}: {ready}");
        let answer = sockets.emit(&id, "events.replay", cursor).await;
        let told = (&answer["error"]["code"], &answer["error"]["reason"]);
        assert_eq!(told, (&json!("events.resync_required"), &json!(reason)), "{id}: {answer}");
    }
}

/// Of a cursor from which the log does not lead on every kind of client is told
/// so, and goes on from the head.
async fn cannot_go_on(cluster: &Cluster, clients: &Libraries, channel: &str) {
    let Company { ceo, manager, .. } = &cluster.company;
    let head = Truth::of(&cluster.database.app_config()).await.mark().await;
    let epoch = ceo.get("/api/events").await.expect(200)["epoch"].clone();
    // The log forgets what is old.
    let old = head - 5;
    let forget = format!(
        "DELETE FROM event_streams WHERE position <= {old};
         DELETE FROM event_log WHERE position <= {old}"
    );
    cluster.database.superuser().await.batch_execute(&forget).await.unwrap();
    let cursors = [
        ("too_old", json!({ "epoch": epoch, "position": old - 1 })),
        ("epoch", json!({ "epoch": "another", "position": head })),
        ("ahead", json!({ "epoch": epoch, "position": head + 1_000_000 })),
    ];

    join_all(of_every_kind(clients).map(|kind| is_told_why(kind, manager, &cursors))).await;

    say(&cluster.there(ceo), channel, "from here on").await;
    for (sockets, kind, _) in of_every_kind(clients) {
        for (reason, _) in &cursors {
            let id = format!("{kind} {reason}");
            until(&format!("the next event at {id}"), SOON, async || {
                (sockets.event_count(&id) >= 1).then_some(())
            })
            .await;
            assert_eq!((sockets.event_count(&id), sockets.count(&id, "replay")), (1, 0), "{id}");
        }
    }
}

/// The name of a socket that is never let in.
fn barred(kind: &str) -> String {
    format!("{kind} barred")
}

/// A session is ended at the other node while its client is away, and something
/// is said that it would have heard; then it wants to go on.
async fn session_ends(kind: Kind<'_>, cluster: &Cluster, channel: &str) {
    let (sockets, kind, transport) = kind;
    let ceo = &cluster.company.ceo;
    let session = Client::login(ceo.base(), "bob@example.com", PASSWORD).await;
    let (id, transports) = (format!("{kind} away"), &[transport]);
    let connect = Connect { id: &id, person: &session, transports, resume: None };
    let ready = sockets.connect_and_wait(&connect).await;
    sockets.disconnect(&id);
    sockets.until_heard(&id, "disconnect").await;
    cluster.there(&session).post("/api/auth/logout", json!({})).await.expect(204);
    say(ceo, channel, "while you were away").await;
    until("the end to be known here", SOON, async || {
        let answer = session.get("/api/auth/me").await;
        (answer.code() == "auth.session_revoked").then_some(())
    })
    .await;

    let resume = Some(json!({ "epoch": ready["epoch"], "position": ready["position"] }));
    let id = barred(&kind);
    sockets.connect(&Connect { id: &id, resume, ..connect });
    until(&format!("{id} to be refused"), SOON, async || {
        (refused(sockets, &id, "auth.session_revoked") > 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_client_hears_what_is_theirs_at_two_nodes_and_is_told_where_it_cannot() {
    let (cluster, clients) = (Cluster::found().await, libraries());
    let Company { ceo, bob, .. } = &cluster.company;
    let channel = open_channel(ceo, "while away", &[bob]).await;
    cluster.settle().await;
    join_all(of_every_kind(&clients).map(|kind| session_ends(kind, &cluster, &channel))).await;

    people_come_and_go(&cluster, &clients).await;
    let channel = come_in_while_messages_are_written(&cluster, &clients).await;
    judge::assert_settled(cluster.database.db()).await;
    cannot_go_on(&cluster, &clients, &channel).await;

    // All that took longer than any client waits before it tries again.
    for (sockets, kind, _) in of_every_kind(&clients) {
        let id = barred(&kind);
        assert_eq!(refused(sockets, &id, "auth.session_revoked"), 1, "{id}");
        assert_eq!((sockets.count(&id, "ready"), sockets.event_count(&id)), (0, 0), "{id}");
    }
}

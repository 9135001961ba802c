//! How a socket comes from where it stopped to where the log is: `ready`,
//! then the events it missed, then live. The reasoning why nothing is lost or
//! doubled stands in `reader.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use sayso_events::{Attachment, Event, FollowedStream, Resume};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::limits::{
    REPLAY_PACKET_BYTES, REPLAY_POLLED_MAX, REPLAY_STALL_MAX, RETRY_MAX, RETRY_MIN, SEAM_ROUNDS_MAX,
};
use crate::outbox::Packet;
use crate::protocol::{
    Closing, Greeted, JOINED, Joined, LEFT, Left, READY, REPLAY, Ready, Replay, Wish, encode,
};
use crate::session::Session;

/// The code for a socket that could not be brought up in time.
const UNAVAILABLE: &str = "server.unavailable";

/// Brings a socket up; closes it if that fails.
pub(crate) async fn bring_up(session: Arc<Session>, wish: Wish) {
    if let Err(Stopped(code)) = run(&session, wish).await {
        let retry_after_ms = session.node.retry_after_ms();
        session.close(&Closing::come_back(code, retry_after_ms));
    }
}

/// Why a socket was not brought up. A socket that has ended meanwhile stops
/// with whatever code: it is not told any more.
struct Stopped(&'static str);

async fn run(session: &Arc<Session>, wish: Wish) -> Result<(), Stopped> {
    // Before the node has read the head once, it does not hand out what lies
    // between that head and ours.
    let node = &session.node;
    let started = tokio::time::timeout(node.limits.connect_timeout, node.hub.wait_for(i64::MIN));
    started.await.map_err(|_| Stopped(UNAVAILABLE))?;

    let mut cursor = place(session, wish).await?;
    let mut before: Option<Attachment> = None;
    for _ in 0..SEAM_ROUNDS_MAX {
        session.listen();
        let now = attach(session, cursor.as_ref()).await?;
        let is_recovered = cursor.is_some() && now.refused.is_none();
        match &before {
            // History changed, or was forgotten, in the middle of it.
            Some(_) if !is_recovered => return Err(Stopped("session.resync")),
            Some(before) => frame(session, before, &now),
            None if is_recovered => session.send(ready(session, &now, true)),
            // Without a past there is nothing before the seam: `ready` itself
            // is the last packet before live.
            None => {
                if session.go_live(&now, ready(session, &now, false)).is_ok() {
                    return Ok(());
                }
                continue;
            }
        }
        let rest = send_past(session, &now).await?;
        if session.go_live(&now, replay(&rest, false)).is_ok() {
            return Ok(());
        }
        session.send(replay(&rest, true));
        cursor = Some(Resume { epoch: now.epoch.clone(), position: now.head });
        before = Some(now);
    }
    Err(Stopped("session.slow_reader"))
}

/// Where a socket wants to go on. Whoever has acknowledged nothing comes, as it
/// were, from another history.
async fn place(session: &Session, wish: Wish) -> Result<Option<Resume>, Stopped> {
    match wish {
        Wish::Head => Ok(None),
        Wish::After(resume) => Ok(Some(resume)),
        Wish::Acked => match session.node.acked.lookup(session.actor.session_id).await {
            Ok(kept) => Ok(Some(kept.unwrap_or(Resume { epoch: String::new(), position: 0 }))),
            Err(error) => {
                tracing::warn!(%error, "what a socket acknowledged cannot be read");
                Err(Stopped(UNAVAILABLE))
            }
        },
    }
}

/// Reads head and streams, and tries again while the database is away.
async fn attach(session: &Session, cursor: Option<&Resume>) -> Result<Attachment, Stopped> {
    let node = &session.node;
    let deadline = Instant::now() + node.limits.connect_timeout;
    let mut pause = RETRY_MIN;
    loop {
        match node.log.attach(session.actor.user_id, cursor).await {
            Ok(attachment) => return Ok(attachment),
            Err(error) if Instant::now() + pause >= deadline || session.has_ended() => {
                tracing::warn!(%error, "a socket cannot be attached to the log");
                return Err(Stopped(UNAVAILABLE));
            }
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX * 10);
    }
}

fn ready(session: &Session, attachment: &Attachment, is_recovered: bool) -> Packet {
    let node = &session.node;
    let who = Greeted {
        user: session.actor.user_id,
        session: session.actor.session_id,
        now: node.clock.now(),
    };
    let body = encode(&Ready::new(who, attachment, is_recovered, &node.limits));
    Packet::Named(READY.into(), body)
}

fn replay(events: &[Arc<RawValue>], more: bool) -> Packet {
    Packet::Named(REPLAY.into(), encode(&Replay { events, more }))
}

fn frame(session: &Arc<Session>, before: &Attachment, now: &Attachment) {
    let (ended, begun) = changed(before, now);
    for stream in ended {
        session.send(Packet::Named(LEFT.into(), encode(&Left::new(stream))));
    }
    for at in begun {
        session.send(Packet::Named(JOINED.into(), encode(&Joined::new(&at.stream, at.seq))));
    }
}

/// Which streams ended and which began between two rounds. What began after
/// the last round's head begins anew, even if it was followed before.
pub(crate) fn changed<'a>(
    before: &'a Attachment,
    now: &'a Attachment,
) -> (Vec<&'a str>, Vec<&'a FollowedStream>) {
    let was_followed = |name: &str| before.streams.iter().any(|old| old.stream == name);
    let is_new = |at: &FollowedStream| at.from > before.head || !was_followed(&at.stream);
    let goes_on = |name: &str| now.streams.iter().any(|at| at.stream == name && !is_new(at));
    let names = before.streams.iter().map(|old| old.stream.as_str());
    let ended = names.filter(|name| !goes_on(name)).collect();
    (ended, now.streams.iter().filter(|at| is_new(at)).collect())
}

/// Sends the events from where the socket begins to the head, all but the
/// last packet of them, which it answers.
async fn send_past(
    session: &Arc<Session>,
    attachment: &Attachment,
) -> Result<Vec<Arc<RawValue>>, Stopped> {
    let mut past = Past::new(attachment);
    let mut packet = Vec::new();
    let (mut bytes, mut underway) = (0, Underway::default());
    while let Some(page) = past.next(session).await? {
        for event in page {
            let len = event.get().len();
            let is_full = packet.len() >= session.node.limits.replay_batch
                || bytes + len > REPLAY_PACKET_BYTES;
            if is_full && !packet.is_empty() {
                wait_for_room(session, &underway).await?;
                underway = Underway::send(session, &std::mem::take(&mut packet));
                bytes = 0;
            }
            bytes += len;
            packet.push(event);
        }
    }
    wait_for_room(session, &underway).await?;
    Ok(packet)
}

/// A packet of the past on its way. The Socket.IO server would take dozens of
/// them at once, of every socket that comes back after a restart; so the next is
/// not made before this one has left.
#[derive(Default)]
struct Underway {
    /// What its WebSocket has written by then.
    until: Option<u64>,
}

impl Underway {
    fn send(session: &Arc<Session>, events: &[Arc<RawValue>]) -> Self {
        let before = session.transport.written().filter(|_| !session.wire.is_polling());
        let packet = replay(events, true);
        let bytes = packet.body().get().len() as u64;
        session.send(packet);
        Self { until: before.map(|written| written + bytes) }
    }

    fn has_left(&self, session: &Session) -> bool {
        let transport = &session.transport;
        match self.until {
            Some(until) => transport.written().is_none_or(|written| written >= until),
            None => !session.wire.is_polling() || transport.on_the_way() <= REPLAY_POLLED_MAX,
        }
    }
}

/// Waits until the socket has taken what was sent before.
async fn wait_for_room(session: &Session, underway: &Underway) -> Result<(), Stopped> {
    let deadline = Instant::now() + REPLAY_STALL_MAX;
    let mut pause = RETRY_MIN;
    while Instant::now() < deadline {
        match session.has_room().map(|has_room| has_room && underway.has_left(session)) {
            Some(true) => return Ok(()),
            Some(false) => tokio::time::sleep(pause).await,
            None => return Err(Stopped(UNAVAILABLE)),
        }
        pause = (pause * 2).min(RETRY_MAX);
    }
    Err(Stopped("session.slow_reader"))
}

/// The events between a socket's beginning and the head.
struct Past<'a> {
    attachment: &'a Attachment,
    after: i64,
    is_done: bool,
}

impl<'a> Past<'a> {
    fn new(attachment: &'a Attachment) -> Self {
        // A build that is broken on purpose, to see whether the judge sees it.
        let is_silent = sayso_kernel::mutants::is("no-replay");
        let is_done = is_silent || attachment.start >= attachment.head;
        Self { attachment, after: attachment.start, is_done }
    }

    /// The next events as they are sent; `None` at the head.
    async fn next(&mut self, session: &Session) -> Result<Option<Vec<Arc<RawValue>>>, Stopped> {
        if self.is_done {
            return Ok(None);
        }
        if let Some(events) = self.rest_in_memory(session) {
            self.is_done = true;
            return Ok(Some(events));
        }
        let limit = i64::try_from(session.node.limits.replay_batch).unwrap_or(i64::MAX);
        let page = self.page_of_log(session, limit).await?;
        self.is_done = i64::try_from(page.len()).unwrap_or(i64::MAX) < limit;
        if let Some(last) = page.last() {
            self.after = last.position;
        }
        Ok(Some(page.iter().map(|event| event.encoded(&event.streams[0])).collect()))
    }

    async fn page_of_log(&self, session: &Session, limit: i64) -> Result<Vec<Event>, Stopped> {
        let Attachment { streams, head, .. } = self.attachment;
        let page = session.node.log.replay(streams, self.after, *head, limit).await;
        page.map_err(|error| {
            tracing::warn!(%error, "the past of a socket cannot be read");
            Stopped(UNAVAILABLE)
        })
    }

    /// All that is left, from the memory of the node: many sockets that come
    /// back at once cost no statement each. Only if that memory reaches from
    /// before our beginning to our head, in this history.
    fn rest_in_memory(&self, session: &Session) -> Option<Vec<Arc<RawValue>>> {
        let hub = &session.node.hub;
        let applied = hub.applied()?;
        if *applied.epoch != *self.attachment.epoch || applied.position < self.attachment.head {
            return None;
        }
        let events = hub.after(self.after)?;
        let begin: HashMap<&str, i64> =
            self.attachment.streams.iter().map(|at| (at.stream.as_str(), at.from)).collect();
        let mine = events
            .iter()
            .take_while(|event| event.position <= self.attachment.head)
            .filter_map(|event| {
                let is_mine =
                    |stream: &str| begin.get(stream).is_some_and(|from| event.position > *from);
                let placed = event.streams.iter().find(|placed| is_mine(&placed.stream))?;
                Some(event.encoded(placed))
            });
        Some(mine.collect())
    }
}

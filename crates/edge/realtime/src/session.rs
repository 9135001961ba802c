//! One socket of one person: what it hears, what waits for it, how it ends.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use sayso_access::{Actor, Origin};
use sayso_events::{Attachment, Event, Resume};
use sayso_kernel::Timestamp;
use tokio::time::Instant;

use crate::inbound::Asked;
use crate::limits::{FAREWELL_POLLING, FAREWELL_WEBSOCKET, HANG_UP, RETRY_MAX, RETRY_MIN};
use crate::meter::Meter;
use crate::node::{Barred, Node, Since, Verified};
use crate::outbox::{Line, Outbox, Packet, Sent};
use crate::protocol::{CLOSED, Closing, JOINED, Joined, LEFT, Left, encode};
use crate::reader::{Moved, Overtaken, Reader, Tell};
use crate::transport::Transport;
use crate::whispers::{Chorus, shared};
use crate::wire::Wire;

/// One socket.
pub(crate) struct Session {
    pub(crate) id: u64,
    pub(crate) actor: Actor,
    pub(crate) origin: Origin,
    /// When the newest token of its session expires, as far as is known. The
    /// board holds it too: it is changed there.
    expires_at: Mutex<Timestamp>,
    /// What its token is not for.
    pub(crate) barred: Option<Box<Barred>>,
    /// Since when the person is known to be who they were when they came.
    pub(crate) since: Since,
    pub(crate) transport: Arc<Transport>,
    pub(crate) node: Arc<Node>,
    pub(crate) wire: Box<dyn Wire>,
    state: Mutex<State>,
}

/// Everything that changes, under the one lock of the socket.
pub(crate) struct State {
    reader: Reader,
    outbox: Outbox,
    has_ended: bool,
    is_pumping: bool,
    pub(crate) asked: VecDeque<Asked>,
    pub(crate) meter: Meter,
    pub(crate) is_working: bool,
}

/// What is left to do after the lock was given back.
#[derive(Default)]
struct After {
    is_pump_due: bool,
    is_too_slow: bool,
    ended: Option<String>,
    renewed: Option<String>,
    lookups: Vec<(String, i64)>,
}

impl Session {
    pub(crate) fn new(
        node: Arc<Node>,
        (who, since): (Verified, Since),
        origin: Origin,
        wire: Box<dyn Wire>,
        transport: Arc<Transport>,
    ) -> Arc<Self> {
        let reader =
            Reader::new(who.actor.user_id, who.actor.session_id, node.limits.replay_buffer);
        let meter = Meter::new(&node.limits, Instant::now());
        Arc::new(Self {
            id: node.new_id(),
            actor: who.actor,
            origin,
            expires_at: Mutex::new(who.expires_at),
            barred: who.barred,
            since,
            transport,
            node,
            wire,
            state: Mutex::new(State {
                reader,
                outbox: Outbox::new(),
                has_ended: false,
                is_pumping: false,
                asked: VecDeque::new(),
                meter,
                is_working: false,
            }),
        })
    }

    fn line(&self) -> Line<'_> {
        Line {
            now: Instant::now(),
            wire: &*self.wire,
            transport: &self.transport,
            limits: &self.node.limits,
        }
    }

    pub(crate) fn expires_at(&self) -> Timestamp {
        *self.expires_at.lock()
    }

    /// Only for the board.
    pub(crate) fn set_expires_at(&self, at: Timestamp) {
        *self.expires_at.lock() = at;
    }

    /// Whether it follows a stream now. Before its seam it may.
    pub(crate) fn follows(&self, stream: &str) -> bool {
        self.with(|state| state.reader.follows(stream).unwrap_or(true)).unwrap_or(false)
    }

    /// The streams it shares with others, and the person's own; `None` while
    /// it is not live.
    pub(crate) fn circle(&self) -> Option<Vec<String>> {
        let followed: Vec<String> =
            self.with(|state| state.reader.followed().map(str::to_owned).collect())?;
        (!followed.is_empty()).then(|| shared(&followed))
    }

    /// Sends what is heard now or never, as far as the socket follows its
    /// streams. One that has not taken what came before misses it.
    pub(crate) fn whisper(self: &Arc<Self>, chorus: &Chorus<'_>) {
        let mut after = After::default();
        self.with(|State { reader, outbox, .. }| {
            let follows = |stream: &str| reader.follows(stream) == Some(true);
            let packets = chorus.packets(self.actor.user_id, follows);
            if !packets.is_empty() && !outbox.is_empty() {
                let lost = packets.len() as u64;
                metrics::counter!("sayso_volatile_lost_total", "where" => "socket").increment(lost);
                return;
            }
            for packet in packets {
                after.note(outbox.push(packet, &self.line()));
            }
        });
        self.settle(after);
    }

    /// Runs `work` on the state; `None` once the socket has ended.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> Option<T> {
        let mut state = self.state.lock();
        (!state.has_ended).then(|| work(&mut state))
    }

    /// Whether the socket has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().has_ended
    }

    /// Begins to keep events for the seam.
    pub(crate) fn listen(&self) {
        self.with(|state| state.reader.listen());
    }

    /// Sends a packet, or lets it wait in line.
    pub(crate) fn send(self: &Arc<Self>, packet: Packet) {
        let mut after = After::default();
        self.with(|state| after.note(state.outbox.push(packet, &self.line())));
        self.settle(after);
    }

    /// Takes the next event of the log. Answers which streams begin and end.
    pub(crate) fn offer(self: &Arc<Self>, event: &Arc<Event>) -> Moved {
        let mut after = After::default();
        let line = self.line();
        let moved = self.with(|State { reader, outbox, .. }| {
            reader.offer(event, &mut |tell| after.tell(tell, outbox, &line))
        });
        self.settle(after);
        moved.unwrap_or_default()
    }

    /// The seam: sends `last` (what ends the past), then what was kept, and
    /// hears everything from there on; all or nothing.
    pub(crate) fn go_live(
        self: &Arc<Self>,
        attachment: &Attachment,
        last: Packet,
    ) -> Result<(), Overtaken> {
        let mut after = After::default();
        let line = self.line();
        {
            // Both locks: in one moment it stops to be offered everything and
            // begins to be found by its streams.
            let mut index = self.node.board.lock();
            let mut state = self.state.lock();
            if state.has_ended {
                return Ok(());
            }
            let State { reader, outbox, .. } = &mut *state;
            if reader.is_overtaken() {
                return Err(Overtaken);
            }
            after.note(outbox.push(last, &line));
            let streams = attachment.streams.iter().map(|at| at.stream.as_str());
            let tell = &mut |tell: Tell<'_>| after.tell(tell, outbox, &line);
            reader.go_live(attachment.head, streams, tell)?;
            index.live(self, reader.followed());
        }
        self.settle(after);
        Ok(())
    }

    /// Whether the socket takes more at the moment; `None` once it has ended.
    pub(crate) fn has_room(&self) -> Option<bool> {
        self.with(|state| state.outbox.is_empty())
    }

    /// Says farewell and ends the socket. Nothing is sent to it any more.
    pub(crate) fn close(self: &Arc<Self>, closing: &Closing) {
        let mut is_told = false;
        let ended = self.end(|| {
            is_told = self.wire.emit(CLOSED, &encode(closing)).is_ok();
            if is_told {
                self.transport.sent();
            }
        });
        if !ended {
            return;
        }
        metrics::counter!("sayso_realtime_closed_total", "code" => closing.code.clone())
            .increment(1);
        let is_leaving = !closing.reconnect && self.wire.disconnect().is_ok();
        let session = Arc::clone(self);
        tokio::spawn(async move { session.hang_up(is_leaving, is_told).await });
    }

    /// The socket is gone by itself.
    pub(crate) fn gone(&self, code: &'static str) {
        if self.end(|| ()) {
            metrics::counter!("sayso_realtime_gone_total", "code" => code).increment(1);
        }
    }

    /// Ends it, if it has not ended already. `farewell` is the last thing that
    /// is sent, with the lock held, so that nothing comes after it.
    fn end(&self, farewell: impl FnOnce()) -> bool {
        let followed: Vec<String> = {
            let mut state = self.state.lock();
            if state.has_ended {
                return false;
            }
            state.has_ended = true;
            state.outbox.clear();
            state.asked = VecDeque::new();
            farewell();
            let followed = state.reader.followed().map(str::to_owned).collect();
            state.reader.listen();
            followed
        };
        self.node.leave(self, &followed);
        true
    }

    async fn hang_up(&self, is_leaving: bool, is_told: bool) {
        if is_leaving {
            tokio::time::sleep(HANG_UP).await;
        } else if is_told {
            self.farewell_leaves().await;
        }
        self.transport.cut().await;
    }

    /// Gives the last packet time to leave. For a WebSocket nobody says when
    /// it has.
    async fn farewell_leaves(&self) {
        if !self.wire.is_polling() {
            return tokio::time::sleep(FAREWELL_WEBSOCKET).await;
        }
        let deadline = Instant::now() + FAREWELL_POLLING;
        while self.transport.on_the_way() > 0 && Instant::now() < deadline {
            tokio::select! {
                () = self.transport.has_room() => {}
                () = tokio::time::sleep(RETRY_MAX) => {}
            }
        }
    }

    fn settle(self: &Arc<Self>, after: After) {
        if let Some(code) = after.ended {
            return self.close(&Closing::stay_away(&code));
        }
        if let Some(code) = after.renewed {
            if !self.node.board.was_foretold(self) {
                return self.close(&Closing::come_back(&code, self.node.retry_after_ms()));
            }
            tokio::spawn(Arc::clone(self).renew(code));
        }
        if after.is_too_slow {
            return self.close_slow();
        }
        if after.is_pump_due {
            self.start_pump();
        }
        for (stream, position) in after.lookups {
            tokio::spawn(Arc::clone(self).look_up(stream, position));
        }
    }

    /// It came after a word that went ahead of the log, as who the person is by
    /// now: it may stay, unless the log speaks of yet another change.
    async fn renew(self: Arc<Self>, code: String) {
        if !crate::standing::look(&self.node, vec![Arc::clone(&self)]).await {
            self.close(&Closing::come_back(&code, self.node.retry_after_ms()));
        }
    }

    /// The socket does not read.
    pub(crate) fn close_slow(self: &Arc<Self>) {
        self.close(&Closing::come_back("session.slow_reader", self.node.retry_after_ms()));
    }

    fn start_pump(self: &Arc<Self>) {
        let is_first = self.with(|state| !std::mem::replace(&mut state.is_pumping, true));
        if is_first == Some(true) {
            tokio::spawn(Arc::clone(self).pump());
        }
    }

    /// Hands over what waits, until nothing does.
    async fn pump(self: Arc<Self>) {
        let mut pause = RETRY_MIN;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.transport.has_room() => {}
            }
            let flushed = self.with(|state| {
                let sent = state.outbox.flush(&self.line());
                state.is_pumping = sent == Sent::Waits;
                sent
            });
            match flushed {
                Some(Sent::Waits) => pause = (pause * 2).min(RETRY_MAX),
                Some(Sent::TooSlow) => return self.close_slow(),
                Some(Sent::Away | Sent::Gone) | None => return,
            }
        }
    }

    /// Finds out after which seq a stream begins that was joined at
    /// `position`, and says so, unless an event on it has said it since.
    async fn look_up(self: Arc<Self>, stream: String, position: i64) {
        let Some(applied) = self.node.hub.applied() else { return };
        let resume = Resume { epoch: applied.epoch.to_string(), position };
        let found = match self.node.log.attach(self.actor.user_id, Some(&resume)).await {
            Ok(found) if found.refused.is_none() => found,
            Ok(_) => return,
            // The next event on the stream says it.
            Err(error) => return tracing::debug!(%error, stream, "cannot look up a stream"),
        };
        let Some(at) = found.streams.iter().find(|at| at.stream == stream) else { return };
        let mut after = After::default();
        self.with(|state| {
            if state.reader.tell_seq(&stream, position) {
                let body = encode(&Joined::new(&stream, at.seq));
                after.note(state.outbox.push(Packet::Named(JOINED.into(), body), &self.line()));
            }
        });
        self.settle(after);
    }
}

impl After {
    fn note(&mut self, sent: Sent) {
        match sent {
            Sent::Away | Sent::Gone => {}
            Sent::Waits => self.is_pump_due = true,
            Sent::TooSlow => self.is_too_slow = true,
        }
    }

    fn tell(&mut self, tell: Tell<'_>, outbox: &mut Outbox, line: &Line<'_>) {
        let packet = match tell {
            Tell::Event(event, place) => Packet::Event(Arc::clone(event), place),
            Tell::Joined(stream, seq) => {
                Packet::Named(JOINED.into(), encode(&Joined::new(stream, seq)))
            }
            Tell::Left(stream) => Packet::Named(LEFT.into(), encode(&Left::new(stream))),
            Tell::JoinedSomewhere(stream, position) => {
                return self.lookups.push((stream.to_owned(), position));
            }
            Tell::Ended(code) => {
                self.ended = Some(code.to_owned());
                return;
            }
            Tell::Renewed(code) => {
                self.renewed = Some(code.to_owned());
                return;
            }
        };
        self.note(outbox.push(packet, line));
    }
}

//! Packets that wait for one socket.
//!
//! The Socket.IO server has a queue of its own, which tells neither its length
//! nor when it has room; it only refuses when it is full. So it is kept short,
//! and what it refuses waits here, in order, where it can be counted. Live
//! events wait as references to the one encoded copy of the node.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use sayso_events::Event;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::limits::{Limits, POLL_WINDOW, STALL_MAX, WAITING_BYTES_MAX};
use crate::transport::Transport;
use crate::wire::{AnswerLine, Refused, Wire};

/// A packet on its way to a socket.
pub(crate) enum Packet {
    /// An event of the log, as it stands on one of its streams.
    Event(Arc<Event>, usize),
    /// Anything else with a name.
    Named(Cow<'static, str>, Arc<RawValue>),
    /// The answer to an event of the client.
    Answer(Box<dyn AnswerLine>, Arc<RawValue>),
}

impl Packet {
    pub(crate) fn body(&self) -> Arc<RawValue> {
        match self {
            Self::Event(event, place) => event.encoded(&event.streams[*place]),
            Self::Named(_, body) | Self::Answer(_, body) => Arc::clone(body),
        }
    }

    fn send(&self, wire: &dyn Wire) -> Result<(), Refused> {
        let body = self.body();
        match self {
            Self::Event(event, _) => wire.emit(&event.kind, &body),
            Self::Named(name, _) => wire.emit(name, &body),
            Self::Answer(line, _) => line.answer(&body),
        }
    }
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is on its way.
    Away,
    /// It waits; somebody has to call [`Outbox::flush`] later.
    Waits,
    /// Too much waits, and for too long: the socket has to go.
    TooSlow,
    /// There is no socket any more.
    Gone,
}

/// The queue of one socket.
pub(crate) struct Outbox {
    waiting: VecDeque<Packet>,
    bytes: usize,
    moved_at: Instant,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, moved_at: Instant::now() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        self.waiting = VecDeque::new();
        self.bytes = 0;
    }

    /// Sends a packet, or lets it wait behind those that wait already.
    pub(crate) fn push(&mut self, packet: Packet, line: &Line<'_>) -> Sent {
        if self.waiting.is_empty() {
            match line.send(&packet) {
                Ok(()) => return Sent::Away,
                Err(Refused::Gone) => return Sent::Gone,
                Err(Refused::Full) => self.moved_at = line.now,
            }
        }
        self.bytes += packet.body().get().len();
        self.waiting.push_back(packet);
        // It may be we who had no time to look whether it takes more.
        if self.is_too_much(line) { self.flush(line) } else { Sent::Waits }
    }

    /// Sends as much of what waits as is taken.
    pub(crate) fn flush(&mut self, line: &Line<'_>) -> Sent {
        while let Some(packet) = self.waiting.front() {
            let bytes = packet.body().get().len();
            match line.send(packet) {
                Ok(()) => {
                    self.moved_at = line.now;
                    self.bytes -= bytes;
                    self.waiting.pop_front();
                }
                Err(Refused::Gone) => return Sent::Gone,
                Err(Refused::Full) if self.is_too_much(line) => return Sent::TooSlow,
                Err(Refused::Full) => return Sent::Waits,
            }
        }
        Sent::Away
    }

    /// A batch of the log comes in microseconds, faster than any socket is
    /// written to. So a long queue alone is no fault, as long as it moves.
    fn is_too_much(&self, line: &Line<'_>) -> bool {
        let Limits { waiting_max, waiting_cap, .. } = *line.limits;
        let is_long = self.waiting.len() > waiting_max || self.bytes > WAITING_BYTES_MAX;
        let is_stalled = line.now - self.moved_at >= STALL_MAX;
        self.waiting.len() > waiting_cap || (is_long && is_stalled)
    }
}

/// The way to one socket.
pub(crate) struct Line<'a> {
    pub(crate) now: Instant,
    pub(crate) wire: &'a dyn Wire,
    pub(crate) transport: &'a Transport,
    pub(crate) limits: &'a Limits,
}

impl Line<'_> {
    fn send(&self, packet: &Packet) -> Result<(), Refused> {
        if self.wire.is_polling() && self.transport.on_the_way() >= POLL_WINDOW {
            return Err(Refused::Full);
        }
        packet.send(self.wire)?;
        self.transport.sent();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Duration;

    use parking_lot::Mutex;
    use sayso_config::Realtime;
    use sayso_events::Placed;
    use uuid::Uuid;

    use super::*;
    use crate::protocol::encode;
    use crate::transport::Transports;

    /// A socket that has room for so many packets.
    #[derive(Default)]
    struct Narrow {
        room: AtomicUsize,
        is_polling: AtomicBool,
        taken: Mutex<Vec<String>>,
        /// Where what was taken lies in memory.
        copies: Mutex<Vec<usize>>,
    }

    impl Wire for Narrow {
        fn emit(&self, _: &str, body: &RawValue) -> Result<(), Refused> {
            let less = |room: usize| room.checked_sub(1);
            let has_room = self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
            has_room.map_err(|_| Refused::Full)?;
            self.taken.lock().push(body.get().to_owned());
            self.copies.lock().push(body.get().as_ptr() as usize);
            Ok(())
        }

        fn disconnect(&self) -> Result<(), Refused> {
            Ok(())
        }

        fn is_polling(&self) -> bool {
            self.is_polling.load(Ordering::SeqCst)
        }
    }

    struct Stage {
        wire: Narrow,
        transport: Arc<Transport>,
        limits: Limits,
        outbox: Outbox,
        now: Instant,
    }

    impl Stage {
        fn with_room(room: usize) -> Self {
            let settings = Realtime { queue_len_max: 10, ..Realtime::default() };
            Self {
                wire: Narrow { room: room.into(), ..Narrow::default() },
                transport: Arc::new(Transports::default()).open(1).expect("there is room"),
                limits: Limits::from(&settings),
                outbox: Outbox::new(),
                now: Instant::now(),
            }
        }

        fn push(&mut self, n: usize) -> Sent {
            let Self { wire, transport, limits, outbox, now } = self;
            outbox.push(
                Packet::Named("n".into(), encode(&n)),
                &Line { now: *now, wire, transport, limits },
            )
        }

        fn flush(&mut self) -> Sent {
            let Self { wire, transport, limits, outbox, now } = self;
            outbox.flush(&Line { now: *now, wire, transport, limits })
        }
    }

    #[test]
    fn what_is_refused_waits_and_goes_out_in_order() {
        let mut stage = Stage::with_room(2);

        let sent: Vec<Sent> = (0..4).map(|n| stage.push(n)).collect();
        stage.wire.room.store(1, Ordering::SeqCst);
        let later = stage.push(4);
        let flushed = stage.flush();
        stage.wire.room.store(9, Ordering::SeqCst);

        assert_eq!(sent, [Sent::Away, Sent::Away, Sent::Waits, Sent::Waits]);
        assert_eq!((later, flushed), (Sent::Waits, Sent::Waits));
        assert_eq!(stage.flush(), Sent::Away);
        assert_eq!(*stage.wire.taken.lock(), ["0", "1", "2", "3", "4"]);
    }

    #[test]
    fn a_long_queue_is_too_slow_only_when_it_does_not_move() {
        let mut stage = Stage::with_room(0);

        let at_once: Vec<Sent> = (0..20).map(|n| stage.push(n)).collect();
        stage.now += Duration::from_millis(900);
        stage.wire.room.store(1, Ordering::SeqCst);
        let moved = stage.flush();
        stage.now += Duration::from_millis(900);
        let still = stage.flush();
        stage.now += Duration::from_millis(200);

        assert!(at_once.iter().all(|sent| *sent == Sent::Waits));
        assert_eq!((moved, still), (Sent::Waits, Sent::Waits));
        assert_eq!(stage.flush(), Sent::TooSlow);
    }

    #[test]
    fn no_queue_grows_for_ever_whatever_the_clock_says() {
        let mut stage = Stage::with_room(0);
        let cap = stage.limits.waiting_cap;

        let sent: Vec<Sent> = (0..=cap).map(|n| stage.push(n)).collect();

        assert_eq!(sent[cap - 1], Sent::Waits);
        assert_eq!(sent[cap], Sent::TooSlow);
    }

    #[test]
    fn an_event_is_encoded_once_for_all_sockets_of_a_stream() {
        let streams = ["user:1", "user:2"].map(|stream| Placed::new(stream.to_owned(), 7));
        let data = serde_json::value::to_raw_value(&1).expect("a number is JSON");
        let event = Arc::new(Event {
            position: 1,
            id: Uuid::nil(),
            kind: "it.happened".to_owned(),
            version: 1,
            at: sayso_kernel::Timestamp::UNIX_EPOCH,
            actor_id: None,
            via: "http".to_owned(),
            correlation_id: Uuid::nil(),
            streams: streams.into(),
            data,
            change: None,
            effects: Vec::new(),
            trace: None,
        });
        // Half of them take it at once, half of them later.
        let mut stages: Vec<Stage> = (0..100).map(|n| Stage::with_room(n % 2)).collect();

        for (n, stage) in stages.iter_mut().enumerate() {
            let Stage { wire, transport, limits, outbox, now } = stage;
            let line = Line { now: *now, wire, transport, limits };
            outbox.push(Packet::Event(Arc::clone(&event), n / 50), &line);
        }
        for stage in &mut stages {
            stage.wire.room.store(1, Ordering::SeqCst);
            stage.flush();
        }

        let copies = |part: &[Stage]| -> HashSet<usize> {
            part.iter().flat_map(|stage| stage.wire.copies.lock().clone()).collect()
        };
        let taken: usize = stages.iter().map(|stage| stage.wire.taken.lock().len()).sum();
        assert_eq!(taken, 100);
        let (one, other) = stages.split_at(50);
        assert_eq!((copies(one).len(), copies(other).len()), (1, 1));
        assert_eq!(copies(&stages).len(), 2);
    }

    #[test]
    fn a_polling_client_is_sent_no_more_than_it_takes_at_once() {
        let mut stage = Stage::with_room(100);
        stage.wire.is_polling.store(true, Ordering::SeqCst);

        let away = (0..30).filter(|n| stage.push(*n) == Sent::Away).count();
        stage.transport.taken(5);
        stage.flush();

        assert_eq!(away as u64, POLL_WINDOW);
        assert_eq!(stage.wire.taken.lock().len() as u64, POLL_WINDOW + 5);
    }
}

//! The gateway: what happens when a socket connects and when it goes, and the
//! tasks behind all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use parking_lot::Mutex;
use sayso_config::Realtime;
use sayso_events::{Acked, Hub, Log, Lot, Message, Presence, Volatile};
use sayso_kernel::{Clock, Random};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::dispatch;
use crate::door::Door;
use crate::inbound::Inbound;
use crate::limits::Limits;
use crate::node::{Gate, Node, Refused, Renewals, Standings, Used};
use crate::protocol::Closing;
use crate::transport::Transports;
use crate::typing::Typing;
use crate::unsaid::Unsaid;
use crate::{watch, whispers};

/// What each socket adds to the time over which they are sent away.
const DRAIN_EACH: Duration = Duration::from_millis(10);
/// How long sockets may take to go when the server stops.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// What a gateway is made of.
pub struct GatewayParts {
    /// What this node hears of the log.
    pub hub: Hub,
    /// The log in PostgreSQL.
    pub log: Log,
    /// Says who a token belongs to.
    pub gate: Gate,
    /// What clients may send.
    pub inbound: Inbound,
    /// Hears what they were refused.
    pub refused: Refused,
    /// Hears who sent something.
    pub used: Used,
    /// Says which sessions were refreshed.
    pub renewals: Renewals,
    /// Says how sessions stand.
    pub standings: Standings,
    /// Who is connected.
    pub presence: Presence,
    /// Carries what is heard now or never.
    pub volatile: Volatile,
    /// How far each session has come.
    pub acked: Acked,
    /// The clock.
    pub clock: Clock,
    /// The generator of ids and of spread.
    pub random: Random,
    /// The settings.
    pub settings: Realtime,
}

/// What the gateway listens to.
type Heard = (mpsc::Receiver<Message>, mpsc::Receiver<Lot>);

/// The sockets of this node. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    node: Arc<Node>,
    door: Door,
    heard: Arc<Mutex<Option<Heard>>>,
}

impl Gateway {
    /// Makes a gateway. It listens to the hub from now on, so
    /// [`Gateway::run`] must follow soon: the hub waits for listeners.
    #[must_use]
    pub fn new(parts: GatewayParts) -> Self {
        let heard = (parts.hub.listen(), parts.volatile.listen());
        let node = Arc::new(Node {
            hub: parts.hub,
            log: parts.log,
            gate: parts.gate,
            inbound: parts.inbound,
            refused: parts.refused,
            used: parts.used,
            renewals: parts.renewals,
            standings: parts.standings,
            presence: parts.presence,
            volatile: parts.volatile,
            typing: Typing::default(),
            unsaid: Unsaid::default(),
            acked: parts.acked,
            acks_due: Notify::new(),
            clock: parts.clock,
            random: parts.random,
            limits: Limits::from(&parts.settings),
            board: Board::default(),
            transports: Arc::new(Transports::default()),
            is_draining: AtomicBool::new(false),
            next_id: AtomicU64::new(0),
        });
        let door = Door::new(Arc::clone(&node));
        Self { node, door, heard: Arc::new(Mutex::new(Some(heard))) }
    }

    /// Adds `/socket.io/` to a router. Its requests are held open: no time
    /// limit and no compression may stand around them.
    pub fn mount(&self, router: Router) -> Router {
        let door = self.door.clone();
        let answer = axum::routing::any(move |request| {
            let door = door.clone();
            async move { door.answer(request).await }
        });
        router.route("/socket.io/", answer.clone()).route("/socket.io", answer)
    }

    /// Hands out the log and watches over the sockets until told to stop.
    ///
    /// # Panics
    ///
    /// When called twice.
    pub async fn run(&self, stop: CancellationToken) {
        let taken = self.heard.lock().take();
        let (mut events, mut lots) = taken.expect("a gateway runs once");
        tokio::select! {
            () = stop.cancelled() => {}
            () = dispatch::run(&self.node, &mut events) => {}
            () = whispers::run(&self.node, &mut lots) => {}
            () = watch::run(&self.node) => {}
        }
        watch::finish(&self.node).await;
    }

    /// Sends everybody away to show anew who they are: what they came in by may
    /// have been forged.
    pub fn disbelieve(&self, code: &str) {
        for session in self.node.board.disbelieve(code) {
            session.close(&Closing::come_back(code, self.node.retry_after_ms()));
        }
    }

    /// Lets no new socket in, and asks all to come back, each at a moment of
    /// its own within `spread`, of which few sockets take little: not all of
    /// them are to knock at the next node at once. Returns when all are gone,
    /// or will not go.
    pub async fn drain(&self, spread: Duration) {
        self.node.is_draining.store(true, Ordering::SeqCst);
        let sessions = self.node.board.all();
        let count = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let within = millis(spread.min(DRAIN_EACH.saturating_mul(count)));
        let random = &self.node.random;
        let mut due: Vec<_> =
            sessions.into_iter().map(|session| (random.below(within), session)).collect();
        due.sort_unstable_by_key(|(after, _)| *after);
        let started = Instant::now();
        for (after, session) in due {
            tokio::time::sleep_until(started + Duration::from_millis(after.into())).await;
            let retry_after_ms = random.below(millis(spread));
            session.close(&Closing::come_back("server.restarting", retry_after_ms));
        }
        let deadline = Instant::now() + DRAIN_MAX;
        while self.sockets() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sockets that are open, whether they have said who they are or not.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.node.transports.count()
    }
}

//! The connections under a socket, and how to cut them.
//!
//! The Socket.IO server gives no way to end one transport: its own disconnect
//! sends a packet after which stock clients stay away, and fails when the
//! queue is full. So every session of it carries a [`Transport`] from its
//! first request on: it knows the TCP connections that its WebSockets came on
//! and, for polling, how to speak the client's own farewell.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use sayso_web::Connection;
use tokio::sync::Notify;

use crate::limits::UPGRADES_MAX;

/// Nobody said who they are, in time or at all.
const NO_HELLO: &str = "socket.no_hello";

/// Ends a polling session by its id, as if its client had said farewell.
pub(crate) type EndPolling = Box<dyn Fn(String) -> BoxFuture<'static, ()> + Send + Sync>;

/// All transports of this node.
#[derive(Default)]
pub(crate) struct Transports {
    by_sid: Mutex<HashMap<String, Weak<Transport>>>,
    open: AtomicUsize,
    pub(crate) end_polling: OnceLock<EndPolling>,
}

/// The transport of one session of the Socket.IO server. It lives as long as
/// that session, and a little longer if somebody still holds it.
pub(crate) struct Transport {
    all: Arc<Transports>,
    sid: OnceLock<String>,
    websockets: Mutex<Vec<Connection>>,
    sent: AtomicU64,
    taken: AtomicU64,
    room: Notify,
    is_spoken_to: AtomicBool,
}

impl Transports {
    /// A new transport; `None` when there are `max` already.
    pub(crate) fn open(self: &Arc<Self>, max: usize) -> Option<Arc<Transport>> {
        let is_free = |open: usize| (open < max).then_some(open + 1);
        self.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_free).ok()?;
        Some(Arc::new(Transport {
            all: Arc::clone(self),
            sid: OnceLock::new(),
            websockets: Mutex::default(),
            sent: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            room: Notify::new(),
            is_spoken_to: AtomicBool::new(false),
        }))
    }

    /// The transport of a session that began by polling.
    pub(crate) fn find(&self, sid: &str) -> Option<Arc<Transport>> {
        self.by_sid.lock().get(sid).and_then(Weak::upgrade)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

impl Transport {
    /// The session began by polling and was given this id.
    pub(crate) fn named(self: &Arc<Self>, sid: &str) {
        if self.sid.set(sid.to_owned()).is_ok() {
            self.all.by_sid.lock().insert(sid.to_owned(), Arc::downgrade(self));
        }
    }

    /// A WebSocket of this session comes on this connection. Answers whether it
    /// may.
    pub(crate) fn carried_by(&self, connection: &Connection) -> bool {
        let mut websockets = self.websockets.lock();
        if websockets.len() >= UPGRADES_MAX {
            return false;
        }
        websockets.push(connection.clone());
        true
    }

    /// Somebody has said who they are, or tried to.
    pub(crate) fn spoken_to(&self) {
        self.is_spoken_to.store(true, Ordering::SeqCst);
    }

    /// A packet was handed to the Socket.IO server.
    pub(crate) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::SeqCst);
    }

    /// A polling client took this many packets.
    pub(crate) fn taken(&self, packets: u64) {
        self.taken.fetch_add(packets, Ordering::SeqCst);
        self.room.notify_waiters();
    }

    /// Packets that a polling client has not taken yet.
    pub(crate) fn on_the_way(&self) -> u64 {
        let taken = self.taken.load(Ordering::SeqCst);
        self.sent.load(Ordering::SeqCst).saturating_sub(taken)
    }

    /// Bytes that have left on its WebSocket so far, if it has one.
    pub(crate) fn written(&self) -> Option<u64> {
        let websockets = self.websockets.lock();
        websockets.last().map(|connection| connection.written.load(Ordering::Relaxed))
    }

    /// Waits until a polling client takes something.
    pub(crate) async fn has_room(&self) {
        self.room.notified().await;
    }

    /// Ends it: connections fail at once, the next poll finds no session. A
    /// stock client comes back by itself after either.
    pub(crate) async fn cut(&self) {
        for Connection { cut, .. } in self.websockets.lock().iter() {
            cut.cancel();
        }
        if let (Some(sid), Some(end)) = (self.sid.get(), self.all.end_polling.get()) {
            end(sid.clone()).await;
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        if let Some(sid) = self.sid.get() {
            self.all.by_sid.lock().remove(sid);
        }
        if !self.is_spoken_to.load(Ordering::SeqCst) {
            metrics::counter!("sayso_realtime_refused_total", "code" => NO_HELLO).increment(1);
        }
        self.all.open.fetch_sub(1, Ordering::SeqCst);
    }
}

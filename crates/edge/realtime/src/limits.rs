//! What a socket may cost, each bound with its name.

use std::time::Duration;

use sayso_config::Realtime;

/// Packets that wait inside the Socket.IO server. Short, because it takes
/// them without telling when they leave; what waits longer waits with us.
const ENGINE_QUEUE: usize = 32;
/// Packets on their way to a polling client at once: some clients refuse an
/// answer with more than 16, and pings, acknowledgements of the connection
/// and the like come on top.
pub(crate) const POLL_WINDOW: u64 = 12;
/// Packets that a polling client may have before it when another `replay` comes.
pub(crate) const REPLAY_POLLED_MAX: u64 = 2;
/// Bytes of one `replay` packet, unless a single event is larger.
pub(crate) const REPLAY_PACKET_BYTES: usize = 64 * 1024;
/// Bytes that may wait for a socket beyond [`Limits::waiting_max`] packets.
pub(crate) const WAITING_BYTES_MAX: usize = 1 << 20;
/// How long a socket with too much waiting may take nothing at all.
pub(crate) const STALL_MAX: Duration = Duration::from_secs(1);
/// How long a replay waits for a socket to take its packets.
pub(crate) const REPLAY_STALL_MAX: Duration = Duration::from_secs(30);
/// Rounds of a replay whose socket is overtaken by new events each time.
pub(crate) const SEAM_ROUNDS_MAX: usize = 100;
/// Pauses between attempts to hand over what waits.
pub(crate) const RETRY_MIN: Duration = Duration::from_millis(1);
pub(crate) const RETRY_MAX: Duration = Duration::from_millis(50);
/// Events of a client that wait for the one being worked on.
pub(crate) const INBOUND_WAITING_MAX: usize = 64;
/// What is over the limit of events in is refused with an answer, up to this
/// many times that limit again; more than that is no client, and is cut.
pub(crate) const REFUSED_TIMES: f64 = 2.0;
/// How long somebody who has too many sockets is asked to stay away.
pub(crate) const CROWDED_RETRY_MS: u32 = 10_000;
/// Binary attachments of an event: no event has any.
pub(crate) const BINARIES_MAX: usize = 0;
/// News of presence for one socket that come one by one; more than that at
/// once come in one packet.
pub(crate) const WHISPERS_MAX: usize = 32;
/// How long somebody is said to type after they last said so.
pub(crate) const TYPING_FOR: Duration = Duration::from_secs(6);
/// How often it is said again while they go on.
pub(crate) const TYPING_AGAIN: Duration = Duration::from_secs(3);
/// Channels in which one person may be typing at once.
pub(crate) const TYPING_MAX: usize = 20;
/// How long one event of a client may be worked on.
pub(crate) const INBOUND_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a farewell may take to leave before the transport is cut.
pub(crate) const FAREWELL_POLLING: Duration = Duration::from_millis(500);
pub(crate) const FAREWELL_WEBSOCKET: Duration = Duration::from_millis(150);
/// How long a client that was told to stay away may take to hang up.
pub(crate) const HANG_UP: Duration = Duration::from_secs(1);
/// How long a socket outlives its access token.
pub(crate) const TOKEN_GRACE: Duration = Duration::from_secs(60);
/// How long the end of a session is remembered for sockets that are just
/// being let in.
pub(crate) const ENDED_MEMORY: Duration = Duration::from_secs(120);
/// How long a word ahead of the log is remembered: the log that says it again
/// may be silent for so long without anybody being sent away twice.
pub(crate) const FORETOLD_MEMORY: Duration = Duration::from_secs(3600);
/// How long the log may take to say what was committed, before sockets that
/// have to go are closed without it.
pub(crate) const LOG_MAX: Duration = Duration::from_millis(500);
/// How long clients are asked to stay away when nothing better is known.
pub(crate) const RETRY_AFTER_MS: u32 = 1_000;
/// Events handed out between two chances for other tasks to run.
pub(crate) const DISPATCH_BURST: usize = 16;
/// Characters of a token that are looked at.
pub(crate) const TOKEN_LEN_MAX: usize = 8 * 1024;
/// WebSockets that a session which began by polling is carried over to. The
/// Socket.IO server has each wait for the one before, sends nothing until all
/// are done, and ends the session when one fails: a second is of no use to
/// anybody, and would be the end of the first.
pub(crate) const UPGRADES_MAX: usize = 1;

/// The limits that can be set.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) sockets_max: usize,
    pub(crate) sockets_per_person_max: usize,
    pub(crate) events_in_per_second: u32,
    pub(crate) events_in_burst: u32,
    pub(crate) engine_queue: usize,
    /// Packets that wait for a socket before it has to move.
    pub(crate) waiting_max: usize,
    /// Packets that wait for a socket, whatever it does.
    pub(crate) waiting_cap: usize,
    pub(crate) payload_max: usize,
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) replay_batch: usize,
    pub(crate) replay_buffer: usize,
}

impl From<&Realtime> for Limits {
    fn from(settings: &Realtime) -> Self {
        let waiting_max = settings.queue_len_max;
        Self {
            sockets_max: settings.sockets_max,
            sockets_per_person_max: settings.sockets_per_person_max,
            events_in_per_second: settings.events_in_per_second,
            events_in_burst: settings.events_in_burst,
            engine_queue: ENGINE_QUEUE.min(waiting_max),
            waiting_max,
            // A seam hands over its whole buffer at once, and a batch of the
            // log comes faster than any socket can be written to.
            waiting_cap: 8 * waiting_max + settings.replay_buffer,
            payload_max: settings.payload_max_bytes,
            ping_interval: Duration::from_millis(settings.ping_interval_ms),
            ping_timeout: Duration::from_millis(settings.ping_timeout_ms),
            connect_timeout: Duration::from_millis(settings.connect_timeout_ms),
            replay_batch: settings.replay_batch,
            replay_buffer: settings.replay_buffer,
        }
    }
}

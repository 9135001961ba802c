//! Listening to a channel, on a connection that does nothing else.

use std::time::Duration;

use redis::{AsyncConnectionConfig, PushInfo, PushKind, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::link::{Redis, bounded};

/// How often the line is tried: one that is dead looks like one on which
/// nothing is said.
const TRIED_EVERY: Duration = Duration::from_millis(500);
/// How long the answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_millis(500);
/// The pause before a new attempt.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What a listener is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It listens from now on. What was said before was missed.
    Joined,
    /// Something was said.
    Said(Vec<u8>),
    /// It hears nothing any more, until it has joined again.
    Lost,
}

/// Listens to a channel until told to stop, and tells what is heard.
pub async fn listen(
    redis: Redis,
    channel: String,
    mut tell: impl FnMut(Heard) + Send,
    stop: CancellationToken,
) {
    loop {
        let heard = hear(&redis, &channel, &mut tell);
        tokio::select! {
            () = stop.cancelled() => return,
            has_joined = heard => if has_joined { tell(Heard::Lost) },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(AGAIN_AFTER) => {}
        }
    }
}

/// One connection, until it ends. Answers whether it came to listening. Before
/// a probe was answered it is not known which server of a cluster is the one.
async fn hear(redis: &Redis, channel: &str, tell: &mut (impl FnMut(Heard) + Send)) -> bool {
    if !redis.is_up() {
        return false;
    }
    // The client library sorts answers from what is pushed, in a task of its
    // own. Whoever tells must not wait, so this does not fill.
    let (pushed, mut heard) = mpsc::unbounded_channel::<PushInfo>();
    let config = AsyncConnectionConfig::new().set_push_sender(pushed);
    let Ok(mut connection) = redis.connect(config).await else { return false };
    if bounded(ANSWERED_WITHIN, connection.subscribe(channel)).await.is_err() {
        return false;
    }
    tell(Heard::Joined);
    let mut tries = tokio::time::interval(TRIED_EVERY);
    tries.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            push = heard.recv() => match push {
                Some(push) => match push.kind {
                    PushKind::Message => {
                        if let Some(said) = said(push) {
                            tell(Heard::Said(said));
                        }
                    }
                    PushKind::Disconnection => return true,
                    _ => {}
                },
                None => return true,
            },
            _ = tries.tick() => {
                let ping = redis::cmd("PING");
                let answer = ping.query_async::<()>(&mut connection);
                if bounded(ANSWERED_WITHIN, answer).await.is_err() {
                    return true;
                }
            }
        }
    }
}

/// The text of a message: its channel comes first.
fn said(push: PushInfo) -> Option<Vec<u8>> {
    match push.data.into_iter().nth(1)? {
        Value::BulkString(said) => Some(said),
        _ => None,
    }
}

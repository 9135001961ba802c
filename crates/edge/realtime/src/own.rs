//! Events of clients that concern the connection itself, and not the work:
//! who is there, who is typing, how far a client has come.

use std::sync::Arc;

use sayso_db::Stream;
use sayso_events::{Resume, Whisper};
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;
use sayso_web::body::parse_value;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::protocol::{
    Ack, Acked, AskedReplay, Past, Person, SetPresence, TOO_MANY, TYPING, Typing, Typist, encode,
};
use crate::session::Session;
use crate::typing::Started;
use crate::{standing, whispers};

/// Events of one answer to `events.replay`.
const REPLAY_MAX: i64 = 200;

/// An event that the gateway answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    TypingStart,
    TypingStop,
    PresenceSet,
    Ack,
    Replay,
}

impl Own {
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            // fixture: EMIT typing.start {"channelId": "{channel}"}
            "typing.start" => Self::TypingStart,
            // fixture: EMIT typing.stop {"channelId": "{channel}"}
            "typing.stop" => Self::TypingStop,
            // fixture: EMIT presence.set {"status": "busy"}
            "presence.set" => Self::PresenceSet,
            // fixture: EMIT events.ack {"position": 0}
            "events.ack" => Self::Ack,
            // fixture: EMIT events.replay {"epoch": "{epoch}", "position": 0}
            "events.replay" => Self::Replay,
            _ => return None,
        })
    }

    /// Whether a person did this, and not a program by itself.
    pub(crate) fn is_sign_of_life(self) -> bool {
        matches!(self, Self::TypingStart | Self::TypingStop | Self::PresenceSet)
    }

    pub(crate) async fn answer(self, session: &Arc<Session>, data: Value) -> Result<Value, Fault> {
        match self {
            Self::TypingStart => type_on(session, &stream_of(data)?),
            Self::TypingStop => {
                whispers::stop_typing(&session.node, session.actor.user_id, &stream_of(data)?);
                Ok(json!({}))
            }
            Self::PresenceSet => set_presence(session, &parse_value(data)?),
            Self::Ack => acknowledge(session, &parse_value(data)?),
            Self::Replay => replay(session, parse_value(data)?).await,
        }
    }
}

fn stream_of(data: Value) -> Result<String, Fault> {
    let body: Typing = parse_value(data)?;
    Ok(Stream::Channel(body.channel_id).to_string())
}

/// Whoever follows the channel is told; who does not follow it does not know
/// that it exists.
fn type_on(session: &Arc<Session>, stream: &str) -> Result<Value, Fault> {
    let (node, me) = (&session.node, session.actor.user_id);
    if !node.hub.is_fresh() {
        return Err(Fault::unavailable("who has left the channel may not be known yet"));
    }
    if !session.follows(stream) {
        return Err(Fault::new(&NOT_FOUND));
    }
    match node.typing.start(me, stream, Instant::now()) {
        Started::Told => {
            let (body, streams) = (encode(&Typist::new(stream, me)), vec![stream.to_owned()]);
            let whisper = Whisper { kind: TYPING.into(), streams, but: Some(me), body };
            node.volatile.publish(vec![whisper]);
        }
        Started::Known => {}
        Started::TooMany => {
            metrics::counter!("sayso_realtime_in_refused_total", "as" => "typing").increment(1);
            return Err(Fault::new(&TOO_MANY).detail("You type in as many channels as one may"));
        }
    }
    Ok(json!({}))
}

fn set_presence(session: &Session, body: &SetPresence) -> Result<Value, Fault> {
    let (node, me) = (&session.node, session.actor.user_id);
    let seen = node.presence.say(me, body.status.into(), node.clock.now());
    shown(&Person::new(me, seen))
}

/// Only what this node knows of can have been heard from it.
fn acknowledge(session: &Session, body: &Ack) -> Result<Value, Fault> {
    let node = &session.node;
    let applied = node.hub.applied().ok_or_else(|| Fault::unavailable("no head is known yet"))?;
    if body.position > applied.position {
        let detail = "lies ahead of everything that was sent";
        return Err(Fault::at_pointer("#/position", "position.ahead", detail));
    }
    let place = Resume { epoch: applied.epoch.to_string(), position: body.position };
    node.acked.note(session.actor.session_id, place);
    shown(&Acked { epoch: &applied.epoch, position: body.position })
}

/// What the log has is told to whoever may still be here.
async fn replay(session: &Session, body: AskedReplay) -> Result<Value, Fault> {
    standing::actor(session).await?;
    let resume = Resume { epoch: body.epoch, position: body.position };
    let limit = body.limit.unwrap_or(REPLAY_MAX);
    let past = session.node.log.past(session.actor.user_id, &resume, limit).await?;
    shown(&Past::of(past.map_err(|now| now.resync())?))
}

fn shown<T: Serialize>(value: &T) -> Result<Value, Fault> {
    serde_json::to_value(value).map_err(Fault::internal)
}

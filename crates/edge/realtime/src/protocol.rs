//! The shapes on the wire, both ways (contract, chapter 5). Nothing else in
//! this crate serialises.

mod asked;
mod shown;
mod volatile;

use std::sync::Arc;

use sayso_access::{SessionId, TOKEN_MISSING, UserId};
use sayso_events::{Attachment, EventSchema, Resume};
use sayso_kernel::{Code, Fault, Kind, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::limits::{Limits, TOKEN_LEN_MAX};

pub use shown::{ACKNOWLEDGEMENT, heard, said};

pub(crate) use asked::{Ack, Acked, Past, Replay as AskedReplay, SetPresence, Typing};
pub(crate) use volatile::{
    CONNECTED, DISCONNECTED, Listed, PRESENCE, PRESENCE_MANY, Person, TYPING, TYPING_ENDED, Typist,
};

/// Names of the packets a client hears besides events.
pub(crate) const READY: &str = "ready";
pub(crate) const REPLAY: &str = "replay";
pub(crate) const CLOSED: &str = "session.closed";
pub(crate) const JOINED: &str = "stream.joined";
pub(crate) const LEFT: &str = "stream.left";

/// The `auth` of a connection cannot be read.
pub const AUTH_UNPARSABLE: Code = Code::new(
    "socket.auth_unparsable",
    Kind::Malformed,
    "The auth of a socket is {token, resume?: {epoch, position} | 'acked'}",
);
/// A client sent an event that the server does not know.
pub const UNKNOWN_EVENT: Code =
    Code::new("socket.unknown_event", Kind::NotFound, "There is no such event to send");
/// A client sends what is no JSON to be read.
pub const UNREADABLE: Code =
    Code::new("socket.unreadable", Kind::Malformed, "What the socket sent cannot be read");
/// A client sends faster than its events can be worked on.
pub const TOO_MANY: Code =
    Code::new("limits.too_many", Kind::TooMany, "The socket sends more events than it may");
/// A person has as many sockets as one may have.
pub const CROWDED_PERSON: Code =
    Code::new("limits.sockets_per_person", Kind::TooMany, "You have too many sockets open");
/// A node has as many sockets as it may have.
pub const CROWDED_NODE: Code =
    Code::new("limits.sockets_per_node", Kind::Unavailable, "The node has too many sockets open");

/// The codes declared here.
pub const CODES: &[&Code] =
    &[&AUTH_UNPARSABLE, &UNKNOWN_EVENT, &UNREADABLE, &TOO_MANY, &CROWDED_PERSON, &CROWDED_NODE];

/// Encodes a packet's one argument.
pub(crate) fn encode<T: Serialize>(value: &T) -> Arc<RawValue> {
    let raw = serde_json::value::to_raw_value(value).expect("what is sent is plain JSON");
    Arc::from(raw)
}

/// What a client says when it connects.
#[derive(Debug)]
pub(crate) struct Hello {
    pub(crate) token: String,
    pub(crate) resume: Wish,
}

/// Where a client wants to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// At the head: it has read everything, or will.
    Head,
    /// After this place.
    After(Resume),
    /// After the place that it acknowledged last.
    Acked,
}

impl Hello {
    /// Reads `auth: {token, resume?}`. Fields it does not know are ignored.
    pub(crate) fn parse(auth: &Value) -> Result<Self, Fault> {
        let token = match &auth["token"] {
            Value::Null => return Err(Fault::new(&TOKEN_MISSING)),
            Value::String(token) if token.is_empty() => return Err(Fault::new(&TOKEN_MISSING)),
            Value::String(token) if token.len() <= TOKEN_LEN_MAX => token.clone(),
            _ => return Err(Fault::new(&AUTH_UNPARSABLE)),
        };
        Ok(Self { token, resume: resume(&auth["resume"])? })
    }
}

fn resume(value: &Value) -> Result<Wish, Fault> {
    match value {
        Value::Null => Ok(Wish::Head),
        Value::String(word) if word == "acked" => Ok(Wish::Acked),
        Value::Object(cursor) => {
            let epoch = cursor.get("epoch").and_then(Value::as_str);
            let position = cursor.get("position").and_then(Value::as_i64);
            match (epoch, position) {
                (Some(epoch), Some(position)) if position >= 0 => {
                    Ok(Wish::After(Resume { epoch: epoch.to_owned(), position }))
                }
                _ => Err(Fault::new(&AUTH_UNPARSABLE)),
            }
        }
        _ => Err(Fault::new(&AUTH_UNPARSABLE)),
    }
}

/// The first packet of a socket.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready<'a> {
    /// Who is connected.
    user_id: UserId,
    /// In which session.
    session_id: SessionId,
    /// The name of this history.
    epoch: &'a str,
    /// Where replay begins, or live where there is none.
    position: i64,
    /// All that is followed. What is not here is gone, with what was held of it.
    streams: Vec<Begin<'a>>,
    /// Whether what was missed comes now, in `replay`.
    recovered: bool,
    /// Why not: `too_old`, `epoch` or `ahead`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The server's clock.
    #[schema(value_type = String, format = DateTime)]
    server_time: Timestamp,
    /// What a client may want to know.
    limits: Shown,
}

/// A stream and where on it a socket begins.
#[derive(Serialize, ToSchema)]
#[schema(as = FollowedStream)]
struct Begin<'a> {
    /// `company`, `user:<id>` or `channel:<id>`.
    stream: &'a str,
    /// The next event on it has the next number.
    seq: i64,
    /// Since which position it is followed.
    from: i64,
}

/// The limits a client may want to know.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SocketLimits)]
struct Shown {
    payload_max_bytes: usize,
    queue_len_max: usize,
    replay_batch: usize,
    sockets_per_person_max: usize,
    events_in_per_second: u32,
    events_in_burst: u32,
    #[schema(value_type = u64)]
    ping_interval_ms: u128,
    #[schema(value_type = u64)]
    ping_timeout_ms: u128,
}

/// Who is told that it is ready, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Greeted {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) now: Timestamp,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(
        who: Greeted,
        attachment: &'a Attachment,
        recovered: bool,
        limits: &Limits,
    ) -> Self {
        let streams = attachment.streams.iter();
        Self {
            user_id: who.user,
            session_id: who.session,
            epoch: &attachment.epoch,
            position: attachment.start,
            streams: streams
                .map(|at| Begin { stream: &at.stream, seq: at.seq, from: at.from })
                .collect(),
            recovered,
            reason: attachment.refused,
            server_time: who.now,
            limits: Shown {
                payload_max_bytes: limits.payload_max,
                queue_len_max: limits.waiting_max,
                replay_batch: limits.replay_batch,
                sockets_per_person_max: limits.sockets_per_person_max,
                events_in_per_second: limits.events_in_per_second,
                events_in_burst: limits.events_in_burst,
                ping_interval_ms: limits.ping_interval.as_millis(),
                ping_timeout_ms: limits.ping_timeout.as_millis(),
            },
        }
    }
}

/// Events of the past, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Replay<'a> {
    /// At most 200.
    #[serde(serialize_with = "raw_all")]
    #[schema(value_type = Vec<EventSchema>)]
    pub(crate) events: &'a [Arc<RawValue>],
    /// Whether another such packet comes before it is live.
    pub(crate) more: bool,
}

fn raw_all<S: Serializer>(events: &[Arc<RawValue>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(events.iter().map(|event| &**event))
}

/// The last packet of a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SessionClosed)]
pub(crate) struct Closing {
    /// Why.
    pub(crate) code: String,
    /// Whether it is wanted back.
    pub(crate) reconnect: bool,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_ms: Option<u32>,
}

impl Closing {
    /// The socket is wanted back.
    pub(crate) fn come_back(code: &str, retry_after_ms: u32) -> Self {
        Self { code: code.to_owned(), reconnect: true, retry_after_ms: Some(retry_after_ms) }
    }

    /// The socket is to stay away.
    pub(crate) fn stay_away(code: &str) -> Self {
        Self { code: code.to_owned(), reconnect: false, retry_after_ms: None }
    }
}

/// A stream begins while connected, after `seq`.
#[derive(Serialize, ToSchema)]
#[schema(as = StreamJoined)]
pub(crate) struct Joined<'a> {
    /// The stream.
    stream: &'a str,
    /// The next event on it has the next number.
    seq: i64,
    /// True: it is not in the log.
    volatile: bool,
}

impl<'a> Joined<'a> {
    pub(crate) fn new(stream: &'a str, seq: i64) -> Self {
        Self { stream, seq, volatile: true }
    }
}

/// A stream ends while connected.
#[derive(Serialize, ToSchema)]
#[schema(as = StreamLeft)]
pub(crate) struct Left<'a> {
    /// The stream.
    stream: &'a str,
    /// True: it is not in the log.
    volatile: bool,
}

impl<'a> Left<'a> {
    pub(crate) fn new(stream: &'a str) -> Self {
        Self { stream, volatile: true }
    }
}

/// The answer to an event of the client.
#[derive(Serialize)]
pub(crate) struct Answer<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    /// The problem object, as HTTP answers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temporary: Option<bool>,
}

impl<'a> Answer<'a> {
    pub(crate) fn of(outcome: &'a Result<Value, Fault>, request_id: &str) -> Self {
        match outcome {
            Ok(data) => Self { ok: true, data: Some(data), error: None, temporary: None },
            Err(fault) => Self {
                ok: false,
                data: None,
                error: Some(sayso_web::problem::body(fault, Some(request_id))),
                temporary: Some(fault.kind().is_temporary()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_connection_without_a_token_is_told_so_and_one_with_nonsense_too() {
        let code = |auth: Value| Hello::parse(&auth).unwrap_err().code().name;

        assert_eq!(code(json!(null)), "auth.token_missing");
        assert_eq!(code(json!({"token": ""})), "auth.token_missing");
        assert_eq!(code(json!({"token": 7})), "socket.auth_unparsable");
        assert_eq!(code(json!({"token": "t", "resume": {"epoch": "e"}})), "socket.auth_unparsable");
        assert_eq!(
            code(json!({"token": "t", "resume": {"epoch": "e", "position": -1}})),
            "socket.auth_unparsable"
        );
    }

    #[test]
    fn a_cursor_is_read_and_unknown_fields_are_ignored() {
        let auth = json!({"token": "t", "resume": {"epoch": "e", "position": 7, "x": 1}, "y": 2});

        let hello = Hello::parse(&auth).unwrap();

        assert_eq!(hello.resume, Wish::After(Resume { epoch: "e".into(), position: 7 }));
        let acked = Hello::parse(&json!({"token": "t", "resume": "acked"})).unwrap();
        assert_eq!(acked.resume, Wish::Acked);
    }

    #[test]
    fn answers_have_the_shape_that_clients_expect() {
        let done = Ok(json!({"id": 1}));
        let refused = Err(Fault::new(&TOO_MANY));

        assert_eq!(encode(&Answer::of(&done, "r")).get(), r#"{"ok":true,"data":{"id":1}}"#);
        let answer: Value = serde_json::from_str(encode(&Answer::of(&refused, "r")).get()).unwrap();
        assert_eq!(answer["ok"], json!(false));
        assert_eq!(answer["temporary"], json!(true));
        assert_eq!(answer["error"]["code"], "limits.too_many");
        assert_eq!(answer["error"]["requestId"], "r");
    }

    #[test]
    fn events_of_the_past_pass_through_as_they_were_encoded() {
        let event = encode(&json!({"position": 1}));

        let packet = encode(&Replay { events: &[event], more: false });

        assert_eq!(packet.get(), r#"{"events":[{"position":1}],"more":false}"#);
    }
}

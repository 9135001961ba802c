//! What nodes say to each other, and how it is written.

use std::sync::Arc;

use sayso_access::UserId;
use sayso_db::Effect;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::presence::{self, NodeId};
use crate::volatile::Whisper;

/// One word on the line, with who says it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spoken {
    pub(super) node: NodeId,
    pub(super) word: Word,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// The leader: where the log ends.
    Head(Head),
    /// Whoever leads: something was committed.
    Wake,
    /// Volatile events, for whoever follows their streams.
    Whispers(Vec<Whispered>),
    /// Who is connected.
    Presence(presence::Word),
    /// What has just ended by a write, before the log says so.
    Ended(Vec<Effect>),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub(super) epoch: String,
    pub(super) head: i64,
    /// Everything committed so long before it was said has its position.
    pub(super) lag_ms: u64,
    /// When it was said, by the clock of Redis.
    pub(super) at: Option<i64>,
    /// The events are to be read from the log.
    pub(super) is_to_be_read: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Whispered {
    kind: String,
    streams: Vec<String>,
    but: Option<UserId>,
    body: Box<RawValue>,
}

impl From<&Whisper> for Whispered {
    fn from(whisper: &Whisper) -> Self {
        Self {
            kind: whisper.kind.clone().into_owned(),
            streams: whisper.streams.clone(),
            but: whisper.but,
            body: (*whisper.body).to_owned(),
        }
    }
}

impl From<Whispered> for Whisper {
    fn from(heard: Whispered) -> Self {
        let Whispered { kind, streams, but, body } = heard;
        Self { kind: kind.into(), streams, but, body: Arc::from(body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volatile_event_comes_over_the_line_as_it_was_said() {
        let body = serde_json::value::to_raw_value(&serde_json::json!({ "a": [1, "ü"] }));
        let whisper = Whisper {
            kind: "it.stirs".into(),
            streams: vec!["channel:1".to_owned()],
            but: Some(UserId(uuid::Uuid::from_u128(7))),
            body: body.expect("it is JSON").into(),
        };
        let word = Word::Whispers(vec![Whispered::from(&whisper)]);
        let spoken = Spoken { node: uuid::Uuid::from_u128(1), word };

        let text = serde_json::to_vec(&spoken).expect("it is plain JSON");
        let heard: Spoken = serde_json::from_slice(&text).expect("it can be read");

        let Word::Whispers(mut heard) = heard.word else { panic!("another word") };
        let heard = Whisper::from(heard.pop().expect("one"));
        assert_eq!(
            (heard.kind, heard.streams, heard.but),
            (whisper.kind, whisper.streams, whisper.but)
        );
        assert_eq!(heard.body.get(), whisper.body.get());
    }
}

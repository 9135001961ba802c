//! What travels over a socket beside the events of the log, for documents.

use sayso_web::told::Told;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Ack, Acked, Past, Replay as AskedReplay, SetPresence, Typing};
use super::volatile::{Listed, Person, Typist};
use super::{
    CLOSED, CONNECTED, Closing, DISCONNECTED, JOINED, Joined, LEFT, Left, PRESENCE, PRESENCE_MANY,
    READY, REPLAY, Ready, Replay, TYPING, TYPING_ENDED,
};

/// What every acknowledgement is, in a sentence.
pub const ACKNOWLEDGEMENT: &str = "`{ok: true, data}`, or `{ok: false, error, temporary}` with \
                                   the problem object of HTTP";

/// An acknowledgement that holds nothing.
#[derive(Serialize, ToSchema)]
struct Nothing {}

/// What a client hears beside the events of the log.
#[must_use]
pub fn heard() -> Vec<Told> {
    vec![
        Told::of::<Ready<'_>>(READY, "The first packet: where it begins, and what is followed."),
        Told::of::<Replay<'_>>(REPLAY, "What was missed; after the last such packet it is live."),
        Told::of::<Closing>(CLOSED, "The last packet: why it ends, and whether to come back."),
        Told::of::<Joined<'_>>(JOINED, "A stream begins."),
        Told::of::<Left<'_>>(LEFT, "A stream has ended."),
        Told::of::<Person>(CONNECTED, "A person is there."),
        Told::of::<Person>(DISCONNECTED, "A person is there no longer."),
        Told::of::<Person>(PRESENCE, "A person is seen otherwise."),
        Told::of::<Listed<'_>>(PRESENCE_MANY, "Many people are seen otherwise."),
        Told::of::<Typist<'_>>(TYPING, "A person types in a channel."),
        Told::of::<Typist<'_>>(TYPING_ENDED, "A person no longer types in a channel."),
    ]
}

/// What a client may say that concerns the connection itself.
#[must_use]
pub fn said() -> Vec<Told> {
    vec![
        Told::of::<Typing>("typing.start", "One types; said again every few seconds.")
            .answered::<Nothing>(),
        Told::of::<Typing>("typing.stop", "One no longer types.").answered::<Nothing>(),
        Told::of::<SetPresence>("presence.set", "How one wants to be seen.").answered::<Person>(),
        Told::of::<Ack>("events.ack", "Everything up to here was taken in.")
            .answered::<Acked<'_>>(),
        Told::of::<AskedReplay>("events.replay", "What lies after a place.").answered::<Past>(),
    ]
}

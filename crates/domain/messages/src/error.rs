//! What can go wrong with messages.

use sayso_kernel::{Code, Kind};

/// Nothing is said in a channel that is put away.
pub const CHANNEL_ARCHIVED: Code =
    Code::new("channel.archived", Kind::Conflict, "The channel is archived");
/// More emojis than a message may have.
pub const TOO_MANY_EMOJIS: Code = Code::new(
    "message.too_many_emojis",
    Kind::Conflict,
    "A message has at most 20 different emojis: use one that is there",
);

/// The codes declared here.
pub const CODES: &[&Code] = &[&CHANNEL_ARCHIVED, &TOO_MANY_EMOJIS];

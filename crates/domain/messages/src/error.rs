//! What can go wrong with messages.

use sayso_kernel::{Code, Kind};

/// Nothing is sent into a channel that is put away.
pub const CHANNEL_ARCHIVED: Code =
    Code::new("channel.archived", Kind::Conflict, "The channel is archived");

/// The codes declared here.
pub const CODES: &[&Code] = &[&CHANNEL_ARCHIVED];

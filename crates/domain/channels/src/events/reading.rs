//! What somebody's other devices hear of their reading.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{Fact, Stream};
use serde::Serialize;
use uuid::Uuid;

use super::{MUTED, READ};
use crate::model::{Channel, ChannelId, NotificationLevel, Reading};

/// What the event of having read says.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadEvent {
    /// The channel.
    pub channel_id: ChannelId,
    /// The person.
    pub user_id: UserId,
    /// The newest message they have read.
    pub last_read_message_id: Option<Uuid>,
    /// Messages of others after it.
    pub unread_count: i64,
    /// Those among them that mention the person.
    pub mention_count: i64,
}

/// Somebody has read on: what their other devices hear.
pub(crate) fn read(channel: &Channel, user_id: UserId, reading: &Reading) -> Fact {
    let data = ReadEvent {
        channel_id: channel.id,
        user_id,
        last_read_message_id: reading.last_read_message_id,
        unread_count: reading.unread_count,
        mention_count: reading.mention_count,
    };
    Fact::event(&READ, vec![Stream::User(user_id)], channel.version, &data)
        .about("channel", channel.id.0)
}

/// What the event of a setting says.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MuteEvent {
    /// The channel.
    pub channel_id: ChannelId,
    /// The person.
    pub user_id: UserId,
    /// `all`, `mentions` or `none`.
    pub notification_level: &'static str,
    /// Until when they want to be told of nothing.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub muted_until: Option<Timestamp>,
}

/// Somebody wants to hear more or less of a channel: what their other devices
/// hear.
pub(crate) fn muted(
    channel: &Channel,
    user_id: UserId,
    level: NotificationLevel,
    muted_until: Option<Timestamp>,
) -> Fact {
    let data = MuteEvent {
        channel_id: channel.id,
        user_id,
        notification_level: level.as_str(),
        muted_until,
    };
    Fact::event(&MUTED, vec![Stream::User(user_id)], channel.version, &data)
        .about("channel", channel.id.0)
}

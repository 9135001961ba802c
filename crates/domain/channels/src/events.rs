//! The facts of channels.

use sayso_access::UserId;
use sayso_db::{Effect, Fact, FactKind, Stream};
use serde::Serialize;

use crate::category::Category;
use crate::model::{Channel, ChannelId, ChannelKind, MemberRole};
use crate::view::{CategoryView, SharedChannel};

/// A channel was made.
pub const CREATED: FactKind = FactKind {
    name: "channel.created",
    is_event: true,
    is_audited: true,
    stream: "channel, or company when public",
    summary: "A channel was made.",
};
/// Somebody came in or changed role; for the members.
pub const MEMBER_ADDED: FactKind = FactKind {
    name: "channel.member_added",
    is_event: true,
    is_audited: true,
    stream: "channel",
    summary: "Somebody became a member, or has another role now.",
};
/// Somebody went; for the members who stay.
pub const MEMBER_REMOVED: FactKind = FactKind {
    name: "channel.member_removed",
    is_event: true,
    is_audited: true,
    stream: "channel",
    summary: "Somebody is no longer a member.",
};
/// You are in; following the channel begins here.
pub const JOINED: FactKind = FactKind {
    name: "channel.joined",
    is_event: true,
    is_audited: false,
    stream: "user",
    summary: "You became a member: from here on you follow the channel's stream.",
};
/// You are out; following the channel ends here.
pub const LEFT: FactKind = FactKind {
    name: "channel.left",
    is_event: true,
    is_audited: false,
    stream: "user",
    summary: "You are no longer a member: you no longer follow the channel's stream.",
};

/// A category was made.
pub const CATEGORY_CREATED: FactKind = FactKind {
    name: "category.created",
    is_event: true,
    is_audited: true,
    stream: "company",
    summary: "A category was made.",
};
/// A category was edited or moved.
pub const CATEGORY_UPDATED: FactKind = FactKind {
    name: "category.updated",
    is_event: true,
    is_audited: true,
    stream: "company",
    summary: "A category was edited or moved; `change.fields` names what differs.",
};
/// A category is gone.
pub const CATEGORY_DELETED: FactKind = FactKind {
    name: "category.deleted",
    is_event: true,
    is_audited: true,
    stream: "company",
    summary: "A category was deleted; what still names it is in none.",
};

/// The kinds declared here.
pub const FACTS: &[&FactKind] = &[
    &CREATED,
    &MEMBER_ADDED,
    &MEMBER_REMOVED,
    &JOINED,
    &LEFT,
    &CATEGORY_CREATED,
    &CATEGORY_UPDATED,
    &CATEGORY_DELETED,
];

/// What an event of membership says.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberEvent {
    /// The channel.
    pub channel_id: ChannelId,
    /// The person.
    pub user_id: UserId,
    /// Their role; on leaving, the one they had.
    pub role: &'static str,
    /// How many members the channel has now.
    pub member_count: i32,
    /// The channel's revision now.
    pub revision: i32,
    /// The channel as the newcomer sees it; absent in the events of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<SharedChannel>,
}

impl MemberEvent {
    fn of(channel: &Channel, user_id: UserId, role: MemberRole) -> Self {
        Self {
            channel_id: channel.id,
            user_id,
            role: role.as_str(),
            member_count: channel.member_count,
            revision: channel.revision,
            channel: None,
        }
    }
}

/// The stream of a channel's members.
#[must_use]
pub fn stream(channel: ChannelId) -> Stream {
    Stream::Channel(channel.0)
}

/// A channel was made.
pub(crate) fn created(channel: &Channel) -> Fact {
    let streams = match channel.kind {
        ChannelKind::Public => vec![Stream::Company],
        ChannelKind::Private | ChannelKind::Direct => vec![stream(channel.id)],
    };
    Fact::event(&CREATED, streams, channel.version, &SharedChannel::of(channel))
        .about("channel", channel.id.0)
}

/// Somebody came in: their own event, with which following begins.
pub(crate) fn joined(channel: &Channel, user: UserId, role: MemberRole) -> Fact {
    let data = MemberEvent {
        channel: Some(SharedChannel::of(channel)),
        ..MemberEvent::of(channel, user, role)
    };
    Fact::event(&JOINED, vec![Stream::User(user)], channel.version, &data)
        .effect(Effect::Follow { user, stream: stream(channel.id).to_string() })
}

/// Somebody came in or changed role: what the members hear.
pub(crate) fn member_added(channel: &Channel, user: UserId, role: MemberRole) -> Fact {
    let data = MemberEvent::of(channel, user, role);
    Fact::event(&MEMBER_ADDED, vec![stream(channel.id)], channel.version, &data)
        .about("channel", channel.id.0)
        .details(serde_json::json!({ "userId": user, "role": role.as_str() }))
}

/// Somebody went: their own event, with which following ends.
pub(crate) fn left(channel: &Channel, user: UserId, role: MemberRole) -> Fact {
    let data = MemberEvent::of(channel, user, role);
    Fact::event(&LEFT, vec![Stream::User(user)], channel.version, &data)
        .effect(Effect::Unfollow { user, stream: stream(channel.id).to_string() })
}

/// Somebody went: what the members who stay hear.
pub(crate) fn member_removed(channel: &Channel, user: UserId, role: MemberRole) -> Fact {
    let data = MemberEvent::of(channel, user, role);
    Fact::event(&MEMBER_REMOVED, vec![stream(channel.id)], channel.version, &data)
        .about("channel", channel.id.0)
        .details(serde_json::json!({ "userId": user }))
}

fn about_category(kind: &'static FactKind, category: &Category) -> Fact {
    Fact::event(kind, vec![Stream::Company], category.version, &CategoryView::of(category))
        .about("category", category.id.0)
}

/// A category was made.
pub(crate) fn category_created(category: &Category) -> Fact {
    about_category(&CATEGORY_CREATED, category)
        .details(serde_json::json!({ "kind": category.kind.as_str() }))
}

/// A category was edited or moved.
pub(crate) fn category_updated(category: &Category, fields: &[&'static str]) -> Fact {
    let change = serde_json::json!({ "fields": fields });
    about_category(&CATEGORY_UPDATED, category).change(&change).details(change)
}

/// A category is gone.
pub(crate) fn category_deleted(category: &Category) -> Fact {
    let data = serde_json::json!({ "id": category.id, "kind": category.kind.as_str() });
    Fact::event(&CATEGORY_DELETED, vec![Stream::Company], category.version + 1, &data)
        .about("category", category.id.0)
}

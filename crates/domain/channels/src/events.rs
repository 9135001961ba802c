//! The facts of channels.

mod reading;

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{Effect, Fact, FactKind, Stream};
use sayso_web::told::{Fields, Gone};
use serde::Serialize;

use crate::category::Category;
use crate::model::{Channel, ChannelId, ChannelKind, MemberRole};
use crate::view::{CategoryView, DeletedCategory, SharedChannel};

pub use reading::{MuteEvent, ReadEvent};
pub(crate) use reading::{muted, read};

/// A channel was made.
pub const CREATED: FactKind = FactKind {
    name: "channel.created",
    is_event: true,
    is_audited: true,
    stream: "channel, or company when public",
    summary: "A channel was made.",
};
/// A channel was edited.
pub const UPDATED: FactKind = FactKind {
    name: "channel.updated",
    is_event: true,
    is_audited: true,
    stream: "channel, or company when public",
    summary: "A channel was edited; `change.fields` names what differs.",
};
/// A channel was put away.
pub const ARCHIVED: FactKind = FactKind {
    name: "channel.archived",
    is_event: true,
    is_audited: true,
    stream: "channel, or company when public",
    summary: "A channel was put away; `change.fields` names what else differs.",
};
/// A channel is in the trash.
pub const DELETED: FactKind = FactKind {
    name: "channel.deleted",
    is_event: true,
    is_audited: true,
    stream: "channel, or company when public",
    summary: "A channel was deleted: what stands in it is gone, and its stream ends here.",
};
/// The members of a channel follow it again.
pub const FOLLOWED: FactKind = FactKind {
    name: "channel.followed",
    is_event: false,
    is_audited: false,
    stream: "",
    summary: "The members of a channel that is back follow its stream again.",
};
/// A channel is back.
pub const RESTORED: FactKind = FactKind {
    name: "channel.restored",
    is_event: true,
    is_audited: true,
    stream: "channel, or company when public",
    summary: "A deleted channel was brought back, with its members and what stands in it.",
};
/// A channel is out of somebody's sight.
pub const GONE: FactKind = FactKind {
    name: "channel.gone",
    is_event: true,
    is_audited: false,
    stream: "user",
    summary: "You no longer see this channel, nor what you saw through it.",
};
/// Somebody has read on.
pub const READ: FactKind = FactKind {
    name: "channel.read",
    is_event: true,
    is_audited: false,
    stream: "user",
    summary: "You have read a channel up to a message, on whichever device.",
};
/// Somebody wants to hear more or less of a channel.
pub const MUTED: FactKind = FactKind {
    name: "channel.muted",
    is_event: true,
    is_audited: false,
    stream: "user",
    summary: "You have said what you want to be told of a channel.",
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
    &UPDATED,
    &ARCHIVED,
    &DELETED,
    &FOLLOWED,
    &RESTORED,
    &GONE,
    &READ,
    &MUTED,
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
    /// When the channel was last changed: now.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
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
            updated_at: channel.updated_at,
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

/// Who hears of a channel as a whole.
fn audience(channel: &Channel) -> Vec<Stream> {
    match channel.kind {
        ChannelKind::Public => vec![Stream::Company],
        ChannelKind::Private | ChannelKind::Direct => vec![stream(channel.id)],
    }
}

fn about(kind: &'static FactKind, channel: &Channel) -> Fact {
    Fact::event(kind, audience(channel), channel.version, &SharedChannel::of(channel))
        .about("channel", channel.id.0)
}

/// A channel was made.
pub(crate) fn created(channel: &Channel) -> Fact {
    about(&CREATED, channel).details(serde_json::json!({ "kind": channel.kind.as_str() }))
}

/// A channel was edited. What it was is told to those who see what it is. The
/// audit knows the names of the fields, who could see it and where it was filed
/// before and after.
pub(crate) fn updated(before: &Channel, after: &Channel, fields: &[&'static str]) -> Fact {
    let kind = if after.archived && !before.archived { &ARCHIVED } else { &UPDATED };
    about(kind, after).change(&Fields { fields }).details(serde_json::json!({
        "fields": fields,
        "kind": [before.kind.as_str(), after.kind.as_str()],
        "archived": [before.archived, after.archived],
        "categoryId": [before.category_id, after.category_id],
    }))
}

/// A channel is out of the sight of `users`. Nothing of its new state is told.
pub(crate) fn gone(channel: ChannelId, users: &[UserId]) -> Fact {
    let streams = users.iter().copied().map(Stream::User).collect();
    Fact::event(&GONE, streams, 0, &Gone { id: channel.0 })
}

/// A channel is in the trash. Nobody follows it after this.
pub(crate) fn deleted(channel: &Channel) -> Fact {
    about(&DELETED, channel).effect(Effect::Close { stream: stream(channel.id).to_string() })
}

/// `users` follow a channel again; before what is then said on its stream.
pub(crate) fn followed(channel: &Channel, users: &[UserId]) -> Fact {
    let stream = stream(channel.id).to_string();
    users.iter().fold(Fact::audit_only(&FOLLOWED), |fact, user| {
        fact.effect(Effect::Follow { user: *user, stream: stream.clone() })
    })
}

/// A channel is back.
pub(crate) fn restored(channel: &Channel) -> Fact {
    about(&RESTORED, channel)
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

/// How somebody came to a role; for the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// They were let in, or given it.
    Given {
        /// What they were before; `None` for a newcomer.
        before: Option<MemberRole>,
    },
    /// They came in by themselves where everybody may.
    Joined,
    /// They came in uninvited where others may not.
    Uninvited,
}

/// Somebody came in or changed role: what the members hear.
pub(crate) fn member_added(
    channel: &Channel,
    user: UserId,
    role: MemberRole,
    entry: Entry,
) -> Fact {
    let data = MemberEvent::of(channel, user, role);
    let mut details = serde_json::json!({ "userId": user, "role": role.as_str() });
    match entry {
        Entry::Given { before } => details["before"] = before.map(MemberRole::as_str).into(),
        Entry::Joined => details["entry"] = "joined".into(),
        Entry::Uninvited => details["entry"] = "uninvited".into(),
    }
    Fact::event(&MEMBER_ADDED, vec![stream(channel.id)], channel.version, &data)
        .about("channel", channel.id.0)
        .details(details)
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
        .details(serde_json::json!({ "userId": user, "role": role.as_str() }))
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
pub(crate) fn category_updated(
    before: &Category,
    after: &Category,
    fields: &[&'static str],
) -> Fact {
    about_category(&CATEGORY_UPDATED, after).change(&Fields { fields }).details(serde_json::json!({
        "fields": fields,
        "name": [before.name, after.name],
        "color": [before.color, after.color],
        "parentId": [before.parent_id, after.parent_id],
    }))
}

/// A category is gone.
pub(crate) fn category_deleted(category: &Category) -> Fact {
    let data = DeletedCategory { id: category.id, kind: category.kind.as_str() };
    Fact::event(&CATEGORY_DELETED, vec![Stream::Company], category.version + 1, &data)
        .about("category", category.id.0)
}

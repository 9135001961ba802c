//! The members of a channel as JSON, and what one of them says for themselves.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_events::Presence;
use sayso_kernel::Patch;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::model::{ChannelId, MemberChange, MemberRole, Membership, NotificationLevel, Setting};

/// A member's role.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MemberRole)]
pub enum RoleInput {
    /// Like an admin; a channel keeps at least one.
    Owner,
    /// Changes the channel and its members.
    Admin,
    /// Reads and writes.
    Member,
    /// Reads and writes here, and sees nothing else of the company.
    Guest,
}

impl From<RoleInput> for MemberRole {
    fn from(role: RoleInput) -> Self {
        match role {
            RoleInput::Owner => Self::Owner,
            RoleInput::Admin => Self::Admin,
            RoleInput::Member => Self::Member,
            RoleInput::Guest => Self::Guest,
        }
    }
}

/// Somebody to let in: an id, or an id with a role.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum MemberInput {
    /// As a member.
    Id(UserId),
    /// With a role.
    WithRole(MemberWithRole),
}

/// Somebody to let in, with a role.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberWithRole {
    /// The person.
    pub user_id: UserId,
    /// Their role.
    pub role: RoleInput,
}

impl MemberInput {
    pub(super) fn parts(&self) -> (UserId, MemberRole) {
        match self {
            Self::Id(user) => (*user, MemberRole::Member),
            Self::WithRole(member) => (member.user_id, member.role.into()),
        }
    }
}

/// The body of `POST /api/channels/{id}/members`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeMembers {
    /// To come in; a member with another role changes it.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub add: Vec<MemberInput>,
    /// To go.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub remove: Vec<UserId>,
}

impl From<ChangeMembers> for MemberChange {
    fn from(body: ChangeMembers) -> Self {
        Self { add: body.add.iter().map(MemberInput::parts).collect(), remove: body.remove }
    }
}

/// The body of `POST /api/channels/{id}/read`.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadChannel {
    /// The newest message that was read; it must stand in this channel.
    pub message_id: Uuid,
}

/// The payload of `channel.read` over a socket: the body of the HTTP request,
/// and which channel.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SocketRead {
    /// The channel.
    pub channel_id: ChannelId,
    /// The newest message that was read.
    pub message_id: Uuid,
    /// The key under which it is done once.
    #[schema(min_length = 1, max_length = 64)]
    pub client_id: Option<String>,
}

/// Which messages of a channel somebody wants to be told of.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = NotificationLevel)]
pub enum NotificationLevelInput {
    /// Of each.
    All,
    /// Of those that mention them.
    Mentions,
    /// Of none.
    None,
}

impl From<NotificationLevelInput> for NotificationLevel {
    fn from(level: NotificationLevelInput) -> Self {
        match level {
            NotificationLevelInput::All => Self::All,
            NotificationLevelInput::Mentions => Self::Mentions,
            NotificationLevelInput::None => Self::Nothing,
        }
    }
}

/// The body of `POST /api/channels/{id}/mute`: absent is unchanged, null is
/// cleared.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"notificationLevel": "mentions"}))]
pub struct MuteChannel {
    /// Which messages to be told of.
    pub notification_level: Option<NotificationLevelInput>,
    /// Until when to be told of nothing; null for not at all.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub muted_until: Patch<Timestamp>,
}

impl From<MuteChannel> for Setting {
    fn from(body: MuteChannel) -> Self {
        // The database keeps microseconds; what is answered must be what is kept.
        let kept = |at: Timestamp| Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
        Self {
            notification_level: body.notification_level.map(NotificationLevel::from),
            muted_until: match body.muted_until {
                Patch::Set(at) => Patch::Set(kept(at)),
                other => other,
            },
        }
    }
}

/// How somebody is shown to be here.
fn status(user: UserId, presence: &Presence) -> &'static str {
    presence.seen(user).status.as_str()
}

/// A member in a channel's answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Participant)]
pub struct ParticipantView {
    /// The person.
    pub user_id: UserId,
    /// Their name.
    pub name: String,
    /// `owner`, `admin`, `member` or `guest`.
    pub role: &'static str,
    /// `online`, `away`, `busy` or `offline`.
    pub presence: &'static str,
}

impl ParticipantView {
    /// A member, and whether they are here.
    #[must_use]
    pub fn of(member: &Membership, presence: &Presence) -> Self {
        Self {
            user_id: member.user_id,
            name: member.name.clone(),
            role: member.role.as_str(),
            presence: status(member.user_id, presence),
        }
    }
}

/// A member in the list of members.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChannelMember)]
pub struct MemberView {
    /// What a channel's answer shows of them.
    #[serde(flatten)]
    pub participant: ParticipantView,
    /// Since when they are in.
    #[schema(value_type = String, format = DateTime)]
    pub joined_at: Timestamp,
}

impl MemberView {
    /// A member, and whether they are here.
    #[must_use]
    pub fn of(member: &Membership, presence: &Presence) -> Self {
        Self { participant: ParticipantView::of(member, presence), joined_at: member.joined_at }
    }
}

/// The answer of `GET /api/channels/{id}/presence`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceBody {
    /// The members who are here, those seen last first.
    pub items: Vec<PresentView>,
}

/// A member who is here.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PresentMember)]
pub struct PresentView {
    /// The person.
    pub user_id: UserId,
    /// `online`, `away` or `busy`.
    pub status: &'static str,
    /// When they were last seen, to the minute.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_active_at: Option<Timestamp>,
}

impl PresenceBody {
    /// Those of `members` who are here.
    #[must_use]
    pub fn of(members: &[Membership], presence: &Presence) -> Self {
        let shown = members.iter().map(|member| PresentView {
            user_id: member.user_id,
            status: status(member.user_id, presence),
            last_active_at: member.last_active_at,
        });
        Self { items: shown.filter(|member| member.status != "offline").collect() }
    }
}

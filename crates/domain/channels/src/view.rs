//! Channels and categories as JSON.

mod category;

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_events::Presence;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use category::{
    CategoryKindInput, CategoryView, CreateCategory, ListCategories, UpdateCategory,
};

use crate::category::CategoryId;
use crate::model::{
    Channel, ChannelFilter, ChannelId, ChannelKind, Draft, MemberChange, MemberRole, Membership,
    Reading,
};

/// Who can see a channel.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ChannelKind)]
pub enum KindInput {
    /// Everybody; to read and write one joins first.
    Public,
    /// Its members.
    Private,
    /// Its members, who never change.
    Direct,
}

impl From<KindInput> for ChannelKind {
    fn from(kind: KindInput) -> Self {
        match kind {
            KindInput::Public => Self::Public,
            KindInput::Private => Self::Private,
            KindInput::Direct => Self::Direct,
        }
    }
}

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
    fn parts(&self) -> (UserId, MemberRole) {
        match self {
            Self::Id(user) => (*user, MemberRole::Member),
            Self::WithRole(member) => (member.user_id, member.role.into()),
        }
    }
}

/// The body of `POST /api/channels`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "launch", "description": "Getting the spring release out",
                          "kind": "private"}))]
pub struct CreateChannel {
    /// Its name; required unless it is direct.
    #[schema(min_length = 1, max_length = 80)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 20000)]
    pub description: Option<String>,
    /// Who can see it; public if not said.
    #[serde(default)]
    pub kind: Option<KindInput>,
    /// Its category.
    pub category_id: Option<CategoryId>,
    /// Who is in it from the start.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub members: Vec<MemberInput>,
    /// The client's own data.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

impl CreateChannel {
    /// The draft that the body describes. A direct channel has no name of its
    /// own; any other one needs one.
    pub fn into_draft(self) -> Result<Draft, sayso_kernel::Fault> {
        let kind = self.kind.map_or(ChannelKind::Public, ChannelKind::from);
        let name = if kind == ChannelKind::Direct { None } else { self.name };
        if name.is_none() && kind != ChannelKind::Direct {
            return Err(sayso_kernel::Fault::at_pointer("#/name", "field.required", "is required"));
        }
        Ok(Draft {
            name,
            description: self.description.unwrap_or_default(),
            kind,
            category_id: self.category_id,
            members: self.members.iter().map(MemberInput::parts).collect(),
            metadata: self.metadata.unwrap_or_default().into(),
        })
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

/// The query of `GET /api/channels`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListChannels {
    /// Only of this kind.
    #[param(inline)]
    pub kind: Option<KindInput>,
    /// Only archived ones, or only others.
    pub archived: Option<bool>,
    /// Only in this category.
    pub category_id: Option<Uuid>,
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where the page begins: `nextCursor` of the one before.
    pub cursor: Option<String>,
}

impl ListChannels {
    /// The filter that the query describes.
    #[must_use]
    pub fn filter(&self) -> ChannelFilter {
        ChannelFilter {
            kind: self.kind.map(ChannelKind::from),
            archived: self.archived,
            category_id: self.category_id.map(CategoryId),
        }
    }
}

/// A channel as anyone who may see it sees it: what events carry.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SharedChannel {
    /// Its id.
    pub id: ChannelId,
    /// Its name; null for a direct channel.
    #[schema(required)]
    pub name: Option<String>,
    /// What it is for.
    pub description: String,
    /// `public`, `private` or `direct`.
    pub kind: &'static str,
    /// Its category.
    #[schema(required)]
    pub category_id: Option<CategoryId>,
    /// Whether it is put away.
    pub archived: bool,
    /// How many members it has.
    pub member_count: i32,
    /// The client's own data.
    #[schema(value_type = Object)]
    pub metadata: serde_json::Value,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Counts edits; sent back with an edit.
    pub version: i32,
    /// Counts everything it shows; apply only a higher one.
    pub revision: i32,
}

impl SharedChannel {
    /// The shared part of a channel.
    #[must_use]
    pub fn of(channel: &Channel) -> Self {
        Self {
            id: channel.id,
            name: channel.name.clone(),
            description: channel.description.clone(),
            kind: channel.kind.as_str(),
            category_id: channel.category_id,
            archived: channel.archived,
            member_count: channel.member_count,
            metadata: channel.metadata.clone(),
            created_by: channel.created_by,
            created_at: channel.created_at,
            updated_at: channel.updated_at,
            version: channel.version,
            revision: channel.revision,
        }
    }
}

/// A channel as one reader sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Channel)]
pub struct ChannelView {
    /// What everybody sees.
    #[serde(flatten)]
    pub shared: SharedChannel,
    /// The reader's role; null for somebody who has not joined.
    #[schema(required)]
    pub my_role: Option<&'static str>,
    /// Messages of others since the reader last read; counted up to 1,000.
    pub unread_count: i64,
    /// Those among them that mention the reader.
    pub mention_count: i64,
    /// The newest message the reader has read.
    #[schema(required)]
    pub last_read_message_id: Option<Uuid>,
    /// The first members, in a single channel's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participants: Option<Vec<ParticipantView>>,
}

impl ChannelView {
    /// A channel as `reading` shows it.
    #[must_use]
    pub fn of(channel: &Channel, reading: &Reading) -> Self {
        Self {
            shared: SharedChannel::of(channel),
            my_role: reading.role.map(MemberRole::as_str),
            unread_count: reading.unread_count,
            mention_count: reading.mention_count,
            last_read_message_id: reading.last_read_message_id,
            participants: None,
        }
    }

    /// The same with its first members.
    #[must_use]
    pub fn with_participants(mut self, members: &[Membership], presence: &Presence) -> Self {
        let shown = members.iter().map(|member| ParticipantView {
            user_id: member.user_id,
            name: member.name.clone(),
            role: member.role.as_str(),
            presence: if presence.is_online(member.user_id) { "online" } else { "offline" },
        });
        self.participants = Some(shown.collect());
        self
    }
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

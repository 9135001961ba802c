//! Channels and categories as JSON.

mod category;
mod list;
mod member;

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_events::Presence;
use sayso_kernel::{Fault, Patch};
use sayso_users::Metadata;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use category::{
    CategoryKindInput, CategoryView, CreateCategory, DeletedCategory, ListCategories,
    UpdateCategory,
};
pub use list::{ListChannels, ListMembers};
pub use member::{
    ChangeMembers, MemberInput, MemberView, MemberWithRole, MuteChannel, NotificationLevelInput,
    ParticipantView, PresenceBody, PresentView, ReadChannel, RoleInput, SocketRead,
};

use crate::category::CategoryId;
use crate::model::{
    Channel, ChannelId, ChannelKind, Draft, Edit, MemberRole, Membership, NotificationLevel,
    Reading,
};

type JsonObject = serde_json::Map<String, serde_json::Value>;

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

/// Who can see a channel that is not direct.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = OpenChannelKind)]
pub enum OpenKindInput {
    /// Everybody; to read and write one joins first.
    Public,
    /// Its members.
    Private,
}

impl From<OpenKindInput> for ChannelKind {
    fn from(kind: OpenKindInput) -> Self {
        match kind {
            OpenKindInput::Public => Self::Public,
            OpenKindInput::Private => Self::Private,
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
    pub metadata: Option<JsonObject>,
}

impl CreateChannel {
    /// The draft that the body describes. A direct channel has no name of its
    /// own; any other one needs one.
    pub fn into_draft(self) -> Result<Draft, Fault> {
        let kind = self.kind.map_or(ChannelKind::Public, ChannelKind::from);
        let name = if kind == ChannelKind::Direct { None } else { self.name };
        let is_named = name.is_some() || kind == ChannelKind::Direct;
        let metadata = Metadata::parse(self.metadata.unwrap_or_default(), "#/metadata");
        if !is_named {
            let nameless = Fault::at_pointer("#/name", "field.required", "is required");
            let rest = metadata.err();
            return Err(nameless.with_all(rest.iter().flat_map(|fault| fault.errors().to_vec())));
        }
        Ok(Draft {
            name,
            description: self.description.unwrap_or_default(),
            kind,
            category_id: self.category_id,
            members: self.members.iter().map(MemberInput::parts).collect(),
            metadata: metadata?.to_value(),
        })
    }
}

/// The body of `PUT` and `PATCH /api/channels/{id}`: absent is unchanged, null
/// is cleared.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"description": "Until the release is out", "archived": false,
                          "version": 1}))]
pub struct UpdateChannel {
    /// The version that is edited; or send it with `If-Match`.
    #[schema(minimum = 1)]
    pub version: Option<i32>,
    /// Its name.
    #[schema(min_length = 1, max_length = 80)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 20000)]
    pub description: Patch<String>,
    /// Who can see it.
    pub kind: Option<OpenKindInput>,
    /// Its category; null for none.
    #[serde(default)]
    #[schema(value_type = Option<CategoryId>)]
    pub category_id: Patch<CategoryId>,
    /// Whether it is put away: then it is read, but nothing is sent, and its
    /// name is free.
    pub archived: Option<bool>,
    /// A merge patch of the client's own data (RFC 7396).
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
}

impl From<UpdateChannel> for Edit {
    fn from(body: UpdateChannel) -> Self {
        Self {
            name: body.name,
            description: body.description,
            kind: body.kind.map(ChannelKind::from),
            category_id: body.category_id,
            archived: body.archived,
            metadata: body.metadata.map(Into::into),
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
    /// Which messages the reader wants to be told of: `all`, `mentions` or
    /// `none`; null for somebody who has not joined.
    #[schema(required)]
    pub notification_level: Option<&'static str>,
    /// Until when the reader wants to be told of nothing.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub muted_until: Option<Timestamp>,
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
            notification_level: reading.notification_level.map(NotificationLevel::as_str),
            muted_until: reading.muted_until,
            participants: None,
        }
    }

    /// The same with its first members.
    #[must_use]
    pub fn with_participants(mut self, members: &[Membership], presence: &Presence) -> Self {
        let shown = members.iter().map(|member| ParticipantView::of(member, presence));
        self.participants = Some(shown.collect());
        self
    }
}

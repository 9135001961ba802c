//! What a channel is.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_kernel::{Patch, define_id, patch};
use uuid::Uuid;

use crate::category::CategoryId;

define_id! {
    /// A channel's id.
    ChannelId
}

/// Who can see a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// Everybody; to read and write one joins first.
    Public,
    /// Its members.
    Private,
    /// Its members, who never change.
    Direct,
}

impl ChannelKind {
    /// The name used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Direct => "direct",
        }
    }

    /// Reads the name back; a name that is not known hides the most.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "public" => Self::Public,
            "private" => Self::Private,
            _ => Self::Direct,
        }
    }
}

/// What a member may do in a channel. The order is the hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberRole {
    /// Reads and writes here, and sees nothing else of the company.
    Guest,
    /// Reads and writes.
    Member,
    /// Changes the channel and its members.
    Admin,
    /// Like an admin; a channel keeps at least one.
    Owner,
}

impl MemberRole {
    /// All roles, lowest first.
    pub const ALL: [Self; 4] = [Self::Guest, Self::Member, Self::Admin, Self::Owner];

    /// The name used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads the name back; a name that is not known allows the least.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|role| role.as_str() == name).unwrap_or(Self::Guest)
    }
}

/// Which messages of a channel somebody wants to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationLevel {
    /// Of each.
    All,
    /// Of those that mention them.
    Mentions,
    /// Of none.
    Nothing,
}

impl NotificationLevel {
    /// The name used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Mentions => "mentions",
            Self::Nothing => "none",
        }
    }

    /// Reads the name back; a name that is not known keeps nothing from anybody.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "mentions" => Self::Mentions,
            "none" => Self::Nothing,
            _ => Self::All,
        }
    }
}

/// A channel as everybody who sees it sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// Its name; a direct channel has none.
    pub name: Option<String>,
    /// What it is for.
    pub description: String,
    /// Who can see it.
    pub kind: ChannelKind,
    /// Its category.
    pub category_id: Option<CategoryId>,
    /// Whether it is put away.
    pub archived: bool,
    /// How many members it has.
    pub member_count: i32,
    /// The client's own data.
    pub metadata: serde_json::Value,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts edits.
    pub version: i32,
    /// Counts everything it shows.
    pub revision: i32,
}

/// What a channel is to one reader.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The reader's role; `None` for somebody who is not a member.
    pub role: Option<MemberRole>,
    /// Messages of others after the watermark.
    pub unread_count: i64,
    /// Those among them that mention the reader.
    pub mention_count: i64,
    /// The watermark.
    pub last_read_message_id: Option<Uuid>,
    /// What the reader wants to be told of; `None` for somebody who is not a
    /// member.
    pub notification_level: Option<NotificationLevel>,
    /// Until when the reader wants to be told of nothing.
    pub muted_until: Option<Timestamp>,
}

/// A member.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The person.
    pub user_id: UserId,
    /// Their name.
    pub name: String,
    /// Their role here.
    pub role: MemberRole,
    /// Since when.
    pub joined_at: Timestamp,
    /// When they were last seen anywhere, to the minute.
    pub last_active_at: Option<Timestamp>,
}

/// A channel that is to be made.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its name; none for a direct channel.
    pub name: Option<String>,
    /// What it is for.
    pub description: String,
    /// Who can see it.
    pub kind: ChannelKind,
    /// Its category.
    pub category_id: Option<CategoryId>,
    /// The people who are in it from the start, besides its maker.
    pub members: Vec<(UserId, MemberRole)>,
    /// The client's own data.
    pub metadata: serde_json::Value,
}

/// Who is to come into a channel and who is to go.
#[derive(Clone, Debug, Default)]
pub struct MemberChange {
    /// To come in, or to change role.
    pub add: Vec<(UserId, MemberRole)>,
    /// To go.
    pub remove: Vec<UserId>,
}

/// What an edit changes. What is not sent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// Its name.
    pub name: Option<String>,
    /// What it is for; cleared it is empty.
    pub description: Patch<String>,
    /// Who can see it.
    pub kind: Option<ChannelKind>,
    /// Its category.
    pub category_id: Patch<CategoryId>,
    /// Whether it is put away.
    pub archived: Option<bool>,
    /// A merge patch of the client's own data (RFC 7396).
    pub metadata: Option<serde_json::Value>,
}

impl Edit {
    /// The channel after the edit, and the wire names of the fields that
    /// differ. Versions are counted by the database.
    #[must_use]
    pub fn apply(self, before: &Channel) -> (Channel, Vec<&'static str>) {
        let mut after = before.clone();
        after.name = self.name.or(after.name);
        after.description = self.description.apply(Some(after.description)).unwrap_or_default();
        after.kind = self.kind.unwrap_or(after.kind);
        after.category_id = self.category_id.apply(after.category_id);
        after.archived = self.archived.unwrap_or(after.archived);
        if let Some(metadata) = &self.metadata {
            patch::merge(&mut after.metadata, metadata);
        }
        let differing = [
            ("name", before.name != after.name),
            ("description", before.description != after.description),
            ("kind", before.kind != after.kind),
            ("categoryId", before.category_id != after.category_id),
            ("archived", before.archived != after.archived),
            ("metadata", before.metadata != after.metadata),
        ];
        let fields = differing.into_iter().filter_map(|(name, differs)| differs.then_some(name));
        let fields = fields.collect();
        (after, fields)
    }
}

/// What a member wants to hear of a channel. What is not sent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// Which messages they want to be told of.
    pub notification_level: Option<NotificationLevel>,
    /// Until when they want to be told of nothing.
    pub muted_until: Patch<Timestamp>,
}

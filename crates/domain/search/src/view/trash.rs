//! The trash as JSON.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::trash::{TrashKind, Trashed};

/// A kind of thing that can be brought back.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TrashKind)]
pub enum TrashKindInput {
    /// Tasks.
    Task,
    /// Comments on tasks.
    Comment,
    /// Messages.
    Message,
    /// Channels.
    Channel,
    /// Categories.
    Category,
    /// People.
    User,
}

impl From<TrashKindInput> for TrashKind {
    fn from(kind: TrashKindInput) -> Self {
        match kind {
            TrashKindInput::Task => Self::Task,
            TrashKindInput::Comment => Self::Comment,
            TrashKindInput::Message => Self::Message,
            TrashKindInput::Channel => Self::Channel,
            TrashKindInput::Category => Self::Category,
            TrashKindInput::User => Self::User,
        }
    }
}

/// The query of `GET /api/trash`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListTrash {
    /// Only these kinds; all if not said.
    #[serde(rename = "type")]
    #[param(inline)]
    pub kinds: Option<Vec<TrashKindInput>>,
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where the page begins: `nextCursor` of the one before.
    pub cursor: Option<String>,
}

impl ListTrash {
    /// The kinds asked for, each once.
    #[must_use]
    pub fn kinds(&self) -> Vec<TrashKind> {
        let named: Option<Vec<TrashKind>> =
            self.kinds.as_ref().map(|kinds| kinds.iter().copied().map(TrashKind::from).collect());
        let is_asked = |kind: &TrashKind| named.as_ref().is_none_or(|named| named.contains(kind));
        TrashKind::ALL.into_iter().filter(is_asked).collect()
    }
}

/// Something in the trash.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Trashed)]
pub struct TrashedView {
    /// `task`, `comment`, `message`, `channel`, `category` or `user`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its id, for `POST …/restore`.
    pub id: Uuid,
    /// Of a comment: the task that it is about.
    #[schema(required)]
    pub task_id: Option<Uuid>,
    /// What it is called; of a message or a comment its beginning.
    pub title: String,
    /// When it was deleted.
    #[schema(value_type = String, format = DateTime)]
    pub deleted_at: Timestamp,
    /// When it is removed for good; null for people, who never are.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl TrashedView {
    /// As whoever may restore it sees it.
    #[must_use]
    pub fn of(one: Trashed) -> Self {
        Self {
            kind: one.kind.as_str(),
            id: one.id,
            task_id: one.task_id,
            title: one.title,
            deleted_at: one.deleted_at,
            expires_at: one.expires_at,
        }
    }
}

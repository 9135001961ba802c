//! Search as JSON.

mod kept;
mod trash;

use sayso_channels::view::ChannelView;
use sayso_events::Presence;
use sayso_kernel::page;
use sayso_messages::view::MessageView;
use sayso_tasks::view::TaskView;
use sayso_users::view::UserView;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub(crate) use kept::KEPT_PAGE;
pub use trash::{ListTrash, TrashKindInput, TrashedView};

use crate::model::{Hit, Kind, Resource};
use crate::service::Answer;

/// A kind of thing that can be found.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SearchKind)]
pub enum KindInput {
    /// Tasks.
    Task,
    /// Messages.
    Message,
    /// Channels.
    Channel,
    /// People.
    User,
}

impl From<KindInput> for Kind {
    fn from(kind: KindInput) -> Self {
        match kind {
            KindInput::Task => Self::Task,
            KindInput::Message => Self::Message,
            KindInput::Channel => Self::Channel,
            KindInput::User => Self::User,
        }
    }
}

/// The query of `GET /api/search`.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchFor {
    /// Words, `"phrases"`, `-not`, `OR`, `from:`, `in:`, `before:`, `after:`,
    /// `status:`.
    #[param(min_length = 1, max_length = 256)]
    pub q: String,
    /// Only these kinds; all if not said.
    #[serde(rename = "type")]
    #[param(inline)]
    pub kinds: Option<Vec<KindInput>>,
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where the page begins: `nextCursor` of the one before.
    pub cursor: Option<String>,
}

impl SearchFor {
    /// The kinds asked for, each once.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let named: Option<Vec<Kind>> =
            self.kinds.as_ref().map(|kinds| kinds.iter().copied().map(Kind::from).collect());
        let is_asked = |kind: &Kind| named.as_ref().is_none_or(|named| named.contains(kind));
        Kind::ALL.into_iter().filter(is_asked).collect()
    }

    /// How many hits at the most.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(page::LIMIT_DEFAULT)
    }
}

/// What a hit is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = SearchResource)]
pub enum ResourceView {
    /// A task.
    Task(TaskView),
    /// A message.
    Message(MessageView),
    /// A channel.
    Channel(ChannelView),
    /// A person.
    User(UserView),
}

/// A hit.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SearchHit)]
pub struct HitView {
    /// `task`, `message`, `channel` or `user`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its id.
    pub id: Uuid,
    /// A piece of its text.
    pub snippet: String,
    /// How well it fits, from 0 to 1.
    pub score: f64,
    /// The thing itself.
    pub resource: ResourceView,
}

impl HitView {
    fn of(hit: Hit, presence: &Presence) -> Self {
        let resource = match &hit.resource {
            Resource::Task(task) => ResourceView::Task(TaskView::of(task)),
            Resource::Message(message) => ResourceView::Message(MessageView::of(message)),
            Resource::Channel(both) => ResourceView::Channel(ChannelView::of(&both.0, &both.1)),
            Resource::User(user) => ResourceView::User(UserView::of(user, presence)),
        };
        Self {
            kind: hit.found.kind.as_str(),
            id: hit.found.id,
            snippet: hit.found.snippet,
            score: f64::from(hit.found.score) / 1000.0,
            resource,
        }
    }
}

/// A page of hits.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchPage {
    /// The best first.
    pub items: Vec<HitView>,
    /// Pass it as `cursor` for the next page; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// How many matches were ranked: of each kind the newest 2,000.
    pub considered: i64,
    /// Whether there may be older matches that were not ranked.
    pub capped: bool,
}

impl SearchPage {
    /// The answer as the caller sees it now.
    #[must_use]
    pub fn of(answer: Answer, presence: &Presence) -> Self {
        let Answer { page, considered, capped } = answer;
        let page = page.map(|hit| HitView::of(hit, presence));
        Self { items: page.items, next_cursor: page.next_cursor, considered, capped }
    }
}

//! Lists of messages and threads as JSON.

use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_kernel::page::LIMIT_DEFAULT;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::MessageView;
use crate::model::{MessageId, ThreadReading};
use crate::service::Asked;
use crate::thread::Thread;
use crate::window::{Order, Window};

/// Which message comes first.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderInput {
    /// The oldest.
    Asc,
    /// The newest.
    Desc,
}

impl From<OrderInput> for Order {
    fn from(order: OrderInput) -> Self {
        match order {
            OrderInput::Asc => Self::OldestFirst,
            OrderInput::Desc => Self::NewestFirst,
        }
    }
}

/// The query of `GET /api/channels/{id}/messages`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListMessages {
    /// `desc`, the newest first, or `asc`, the oldest first; `desc` if not
    /// said.
    #[param(inline)]
    pub order: Option<OrderInput>,
    /// Without answers if `false`: only what stands in no thread.
    #[param(default = true)]
    pub threads: Option<bool>,
    /// A message of the channel, to show it with its neighbours on both sides.
    /// Without `cursor`.
    pub around: Option<Uuid>,
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where to go on: `nextCursor` or `prevCursor` of the page before.
    pub cursor: Option<String>,
}

impl ListMessages {
    /// The question that the query asks.
    #[must_use]
    pub fn asked(&self) -> Asked<'_> {
        Asked {
            order: self.order.map(Order::from).unwrap_or_default(),
            threads: self.threads.unwrap_or(true),
            cursor: self.cursor.as_deref(),
            limit: self.limit.unwrap_or(LIMIT_DEFAULT),
        }
    }
}

/// The query of lists that belong to a message.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListOfMessage {
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where the page begins: `nextCursor` of the one before.
    pub cursor: Option<String>,
}

/// The query of `GET /api/messages/{id}/thread`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ThreadQuery {
    /// `asc`, the oldest answer first, or `desc`, the newest first; `asc` if
    /// not said.
    #[param(inline)]
    pub order: Option<OrderInput>,
    /// Answers in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where to go on: `nextCursor` or `prevCursor` of the page before.
    pub cursor: Option<String>,
}

/// A page of messages, with the way on in both directions.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessagePage {
    /// The messages, in the order asked for.
    pub items: Vec<MessageView>,
    /// Pass it as `cursor` for what comes behind the last; null at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// Pass it as `cursor` for what comes before the first; null at the
    /// beginning.
    #[schema(required)]
    pub prev_cursor: Option<String>,
}

impl MessagePage {
    /// A window as everybody in the channel sees it.
    #[must_use]
    pub fn of(window: Window) -> Self {
        Self {
            items: window.items.iter().map(MessageView::of).collect(),
            next_cursor: window.next_cursor,
            prev_cursor: window.prev_cursor,
        }
    }
}

/// A thread as one reader sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Thread)]
pub struct ThreadView {
    /// The message that began it.
    pub root: MessageView,
    /// Answers, in the order asked for.
    #[serde(flatten)]
    pub answers: MessagePage,
    /// Answers of others that the reader has not read; counted up to 1,000.
    pub unread_count: i64,
    /// The newest message of the thread that the reader has read.
    #[schema(required)]
    pub last_read_message_id: Option<MessageId>,
}

impl ThreadView {
    /// A thread as its reader sees it.
    #[must_use]
    pub fn of(thread: Thread) -> Self {
        Self {
            root: MessageView::of(&thread.head),
            answers: MessagePage::of(thread.answers),
            unread_count: thread.reading.unread_count,
            last_read_message_id: thread.reading.last_read_message_id,
        }
    }
}

/// The body of `POST /api/messages/{id}/thread/read`.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"messageId": "019a9c1e-4f00-7000-8000-000000000001"}))]
pub struct ReadThread {
    /// The newest message of the thread that was read.
    pub message_id: MessageId,
}

/// How far somebody has read a thread.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ThreadReading)]
pub struct ThreadReadingView {
    /// The message that began the thread.
    pub thread_id: MessageId,
    /// Its channel.
    pub channel_id: ChannelId,
    /// The reader.
    pub user_id: UserId,
    /// The newest message of it that was read.
    #[schema(required)]
    pub last_read_message_id: Option<MessageId>,
    /// Answers of others after that one; counted up to 1,000.
    pub unread_count: i64,
}

impl ThreadReadingView {
    /// How far `reader` has read.
    #[must_use]
    pub fn of(reading: &ThreadReading, reader: UserId) -> Self {
        Self {
            thread_id: reading.thread_id,
            channel_id: reading.channel_id,
            user_id: reader,
            last_read_message_id: reading.last_read_message_id,
            unread_count: reading.unread_count,
        }
    }
}

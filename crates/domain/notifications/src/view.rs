//! Notifications as JSON.

use jiff::Timestamp;
use sayso_channels::ChannelId;
use sayso_kernel::Patch;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::model::{
    ChannelUnread, Filter, Group, Notification, NotificationId, Preferences, QuietHours, Topic,
    Which,
};
use crate::preferences::PreferencesEdit;

/// What a notification is about.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NotificationType)]
pub enum TopicInput {
    /// One is to do a task.
    Assigned,
    /// One was mentioned.
    Mentioned,
    /// Somebody commented on a task of one's own.
    Commented,
    /// A task is due within a day.
    DueSoon,
    /// A task should have been done by now.
    Overdue,
    /// A task waits for another one now.
    Blocked,
    /// A task waits for no other any more.
    Unblocked,
    /// Something about one's own account.
    Security,
}

impl From<TopicInput> for Topic {
    fn from(topic: TopicInput) -> Self {
        match topic {
            TopicInput::Assigned => Self::Assigned,
            TopicInput::Mentioned => Self::Mentioned,
            TopicInput::Commented => Self::Commented,
            TopicInput::DueSoon => Self::DueSoon,
            TopicInput::Overdue => Self::Overdue,
            TopicInput::Blocked => Self::Blocked,
            TopicInput::Unblocked => Self::Unblocked,
            TopicInput::Security => Self::Security,
        }
    }
}

/// The query of `GET /api/notifications`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListNotifications {
    /// Only unread ones, or only read ones.
    pub unread: Option<bool>,
    /// Only of these types.
    #[serde(rename = "type")]
    #[param(inline)]
    pub topics: Option<Vec<TopicInput>>,
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where the page begins: `nextCursor` of the one before.
    pub cursor: Option<String>,
}

impl ListNotifications {
    /// The filter that the query describes.
    #[must_use]
    pub fn filter(&self) -> Filter {
        let topics = self.topics.as_ref();
        Filter {
            unread: self.unread,
            topics: topics.map(|topics| topics.iter().copied().map(Topic::from).collect()),
        }
    }
}

/// The thing that a notification leads to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NotificationResource)]
pub struct ResourceView {
    /// `task`, `message`, `session` or `user`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: Uuid,
}

/// A notification.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Notification)]
pub struct NotificationView {
    /// Its id.
    pub id: NotificationId,
    /// `assigned`, `mentioned`, `commented`, `due_soon`, `overdue`, `blocked`,
    /// `unblocked` or `security`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// One line.
    pub title: String,
    /// A little more.
    pub body: String,
    /// Where it leads.
    #[schema(required)]
    pub resource: Option<ResourceView>,
    /// Whether it should make no noise: it came in quiet hours.
    pub silent: bool,
    /// When it was read.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub read_at: Option<Timestamp>,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl NotificationView {
    /// A notification as its person sees it.
    #[must_use]
    pub fn of(it: &Notification) -> Self {
        let resource = it.resource.as_ref();
        Self {
            id: it.id,
            kind: it.topic.as_str(),
            title: it.title.clone(),
            body: it.body.clone(),
            resource: resource.map(|to| ResourceView { kind: to.kind.clone(), id: to.id }),
            silent: it.silent,
            read_at: it.read_at,
            created_at: it.created_at,
        }
    }
}

/// Notifications about the same thing.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotificationGroup)]
pub struct GroupView {
    /// The newest of them.
    pub latest: NotificationView,
    /// How many there are.
    pub count: i64,
    /// How many of them are unread.
    pub unread_count: i64,
}

impl GroupView {
    /// A group as its person sees it.
    #[must_use]
    pub fn of(group: &Group) -> Self {
        let latest = NotificationView::of(&group.latest);
        Self { latest, count: group.count, unread_count: group.unread_count }
    }
}

/// How many notifications of one type are unread.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NotificationCount)]
pub struct CountView {
    /// The type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// How many.
    pub unread: i64,
}

/// How many notifications are unread.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotificationCounts)]
pub struct CountsView {
    /// All of them.
    pub unread: i64,
    /// By type; those of which there are any.
    pub by_type: Vec<CountView>,
}

impl CountsView {
    /// The counts, with their sum.
    #[must_use]
    pub fn of(counts: &[(Topic, i64)]) -> Self {
        let by_type = counts.iter();
        let by_type =
            by_type.map(|(topic, unread)| CountView { kind: topic.as_str(), unread: *unread });
        Self { unread: counts.iter().map(|(_, count)| count).sum(), by_type: by_type.collect() }
    }
}

/// The body of `POST /api/notifications/read`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"ids": ["019a9c1e-4f00-7000-8000-000000000001"]}))]
pub struct ReadNotifications {
    /// Which; all if not said.
    #[schema(max_items = 100)]
    pub ids: Option<Vec<NotificationId>>,
}

impl From<ReadNotifications> for Which {
    fn from(body: ReadNotifications) -> Self {
        body.ids.map_or(Self::All, Self::These)
    }
}

/// How many notifications are unread by now.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NotificationsLeft)]
pub struct LeftView {
    /// How many.
    pub unread: i64,
}

/// Times of day between which nothing makes a noise; over midnight when the
/// first is the later one. In the person's time zone.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHoursView {
    /// From this time on.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "22:00")]
    pub from: String,
    /// Until before this one.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "07:00")]
    pub to: String,
}

impl From<QuietHoursView> for QuietHours {
    /// The schema has looked at the form of both.
    fn from(view: QuietHoursView) -> Self {
        Self { from: minute(&view.from), to: minute(&view.to) }
    }
}

impl From<QuietHours> for QuietHoursView {
    fn from(quiet: QuietHours) -> Self {
        let time = |minute: i16| format!("{:02}:{:02}", minute / 60, minute % 60);
        Self { from: time(quiet.from), to: time(quiet.to) }
    }
}

fn minute(time: &str) -> i16 {
    let parts = time.split_once(':');
    let parts = parts.and_then(|(hour, minute)| Some((hour.parse().ok()?, minute.parse().ok()?)));
    parts.map_or(0, |(hour, minute): (i16, i16)| hour * 60 + minute)
}

/// What a person wants to be told.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotificationPreferences)]
pub struct PreferencesView {
    /// Types that the person is not told of.
    pub muted: Vec<&'static str>,
    /// When notifications come without noise.
    #[schema(required)]
    pub quiet_hours: Option<QuietHoursView>,
    /// Counts edits; sent back with an edit.
    pub version: i32,
}

impl PreferencesView {
    /// Preferences as their person sees them.
    #[must_use]
    pub fn of(preferences: &Preferences) -> Self {
        Self {
            muted: preferences.muted.iter().map(|topic| topic.as_str()).collect(),
            quiet_hours: preferences.quiet.map(QuietHoursView::from),
            version: preferences.version,
        }
    }
}

/// The body of `PUT` and `PATCH /api/notifications/preferences`: absent is
/// unchanged, null is cleared.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"muted": ["unblocked"],
                          "quietHours": {"from": "22:00", "to": "07:00"}, "version": 1}))]
pub struct UpdatePreferences {
    /// The version that is edited; or send it with `If-Match`.
    #[schema(minimum = 1)]
    pub version: Option<i32>,
    /// Types that the person is not to be told of; `security` is told always.
    #[schema(max_items = 20)]
    pub muted: Option<Vec<TopicInput>>,
    /// When notifications come without noise.
    #[serde(default)]
    #[schema(value_type = Option<QuietHoursView>)]
    pub quiet_hours: Patch<QuietHoursView>,
}

impl From<UpdatePreferences> for PreferencesEdit {
    fn from(body: UpdatePreferences) -> Self {
        let quiet = match body.quiet_hours {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(view) => Patch::Set(view.into()),
        };
        let muted = body.muted.map(|muted| muted.into_iter().map(Topic::from).collect());
        Self { muted, quiet }
    }
}

/// What is unread in one channel.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChannelUnread)]
pub struct ChannelUnreadView {
    /// The channel.
    pub channel_id: ChannelId,
    /// Messages of others after the watermark; counting stops at 1,000.
    pub unread_count: i64,
    /// Those among them that mention the reader.
    pub mention_count: i64,
    /// Whether the reader has muted it.
    pub muted: bool,
}

/// What is unread.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Unread)]
pub struct UnreadView {
    /// The channels in which anything is.
    pub channels: Vec<ChannelUnreadView>,
    /// Messages in all channels that are not muted.
    pub messages: i64,
    /// Mentions in all channels that are not muted.
    pub mentions: i64,
    /// Notifications.
    pub notifications: i64,
}

impl UnreadView {
    /// What is unread, with its sums.
    #[must_use]
    pub fn of(channels: &[ChannelUnread], notifications: i64) -> Self {
        let loud = || channels.iter().filter(|channel| !channel.muted);
        let view = |it: &ChannelUnread| ChannelUnreadView {
            channel_id: it.channel_id,
            unread_count: it.unread_count,
            mention_count: it.mention_count,
            muted: it.muted,
        };
        Self {
            channels: channels.iter().map(view).collect(),
            messages: loud().map(|channel| channel.unread_count).sum(),
            mentions: loud().map(|channel| channel.mention_count).sum(),
            notifications,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_come_back() {
        for (from, to) in [("00:00", "23:59"), ("22:05", "07:00")] {
            let view = QuietHoursView { from: from.to_owned(), to: to.to_owned() };
            let back = QuietHoursView::from(QuietHours::from(view));
            assert_eq!((back.from.as_str(), back.to.as_str()), (from, to));
        }
    }
}

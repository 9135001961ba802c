//! The facts of notifications.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{Fact, FactKind, Stream};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::model::{Notification, NotificationId, Preferences, Topic};
use crate::view::NotificationView;

/// Somebody is told something.
pub const CREATED: FactKind = FactKind {
    name: "notification.created",
    is_event: true,
    is_audited: false,
    stream: "user",
    summary: "You are told something.",
};
/// Notifications were read on one device.
pub const READ: FactKind = FactKind {
    name: "notification.read",
    is_event: true,
    is_audited: false,
    stream: "user",
    summary: "You read notifications; `ids` is null when it was all of them.",
};
/// Somebody wants to be told other things.
pub const PREFERENCES_CHANGED: FactKind = FactKind {
    name: "notification.preferences_changed",
    is_event: false,
    is_audited: true,
    stream: "",
    summary: "A person changed what they want to be told.",
};

/// The kinds declared here.
pub const FACTS: &[&FactKind] = &[&CREATED, &READ, &PREFERENCES_CHANGED];

/// Somebody is told something, because of a fact or because of the time.
pub(crate) fn created(notification: &Notification, cause: Option<Uuid>) -> Fact {
    let streams = vec![Stream::User(notification.user_id)];
    let fact = Fact::event(&CREATED, streams, 1, &NotificationView::of(notification));
    match cause {
        Some(cause) => fact.because_of(cause),
        None => fact,
    }
}

/// The data of `notification.read`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReadNotificationsEvent)]
pub struct Read<'a> {
    /// Which; null for all.
    #[schema(required)]
    pub ids: Option<&'a [NotificationId]>,
    /// When.
    pub read_at: Timestamp,
    /// How many are left.
    pub unread_count: i64,
}

/// Notifications were read.
pub(crate) fn read(
    user: UserId,
    ids: Option<&[NotificationId]>,
    (read_at, unread_count): (Timestamp, i64),
) -> Fact {
    let data = Read { ids, read_at, unread_count };
    Fact::event(&READ, vec![Stream::User(user)], 1, &data)
}

/// Somebody wants to be told other things.
pub(crate) fn preferences_changed(user: UserId, preferences: &Preferences) -> Fact {
    let muted: Vec<&str> = preferences.muted.iter().copied().map(Topic::as_str).collect();
    Fact::audit_only(&PREFERENCES_CHANGED)
        .about("user", user.0)
        .details(json!({ "muted": muted, "hasQuietHours": preferences.quiet.is_some() }))
}

//! Reading notifications, and marking them as read.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::page;
use uuid::Uuid;

use crate::model::{ChannelUnread, Filter, Group, Notification, NotificationId, Resource, Topic};

/// The columns of a notification, in the order in which [`notification`] reads
/// them.
macro_rules! columns {
    () => {
        "n.id, n.user_id, n.type, n.title, n.body, n.resource_type, n.resource_id, n.silent, \
         n.read_at, n.created_at"
    };
}

const LOOKUP: Sql = Sql::new(
    "notifications.lookup",
    concat!("SELECT ", columns!(), " FROM notifications n WHERE n.id = $1"),
);

const LIST: Sql = Sql::new(
    "notifications.list",
    concat!(
        "SELECT ",
        columns!(),
        " FROM notifications n
         WHERE n.user_id = $1
           AND ($2::boolean IS NULL OR (n.read_at IS NULL) = $2)
           AND ($3::text[] IS NULL OR n.type = ANY($3))
           AND ($4::timestamptz IS NULL OR (n.created_at, n.id) < ($4, $5))
         ORDER BY n.created_at DESC, n.id DESC LIMIT $6"
    ),
);

/// The newest 2,000, those about the same thing as one. What leads nowhere
/// stands alone.
const GROUPS: Sql = Sql::new(
    "notifications.groups",
    concat!(
        "WITH newest AS (
             SELECT ",
        columns!(),
        " FROM notifications n
             WHERE n.user_id = $1 AND ($3::text[] IS NULL OR n.type = ANY($3))
             ORDER BY n.created_at DESC, n.id DESC LIMIT 2000
         ), grouped AS (
             SELECT n.*, count(*) OVER g AS count,
                    count(*) FILTER (WHERE n.read_at IS NULL) OVER g AS unread_count,
                    row_number() OVER (PARTITION BY n.type, coalesce(n.resource_id, n.id)
                                       ORDER BY n.created_at DESC, n.id DESC) AS place
             FROM newest n WINDOW g AS (PARTITION BY n.type, coalesce(n.resource_id, n.id))
         )
         SELECT ",
        columns!(),
        ", n.count, n.unread_count FROM grouped n
         WHERE n.place = 1
           AND ($2::boolean IS NULL OR (n.unread_count > 0) = $2)
           AND ($4::timestamptz IS NULL OR (n.created_at, n.id) < ($4, $5))
         ORDER BY n.created_at DESC, n.id DESC LIMIT $6"
    ),
);

const COUNT_UNREAD: Sql = Sql::new(
    "notifications.count_unread",
    "SELECT n.type, count(*) FROM notifications n
     WHERE n.user_id = $1 AND n.read_at IS NULL GROUP BY n.type ORDER BY n.type",
);

const MARK_READ: Sql = Sql::new(
    "notifications.mark_read",
    "UPDATE notifications SET read_at = $2
     WHERE user_id = $1 AND read_at IS NULL AND ($3::uuid[] IS NULL OR id = ANY($3))
     RETURNING id",
);

/// What is unread in each channel of a person that has anything unread. Counts
/// as the list of channels does.
const UNREAD_CHANNELS: Sql = Sql::new(
    "notifications.unread_channels",
    "SELECT m.channel_id, unread.count, mentions.count,
            m.notification_level = 'none' OR coalesce(m.muted_until > $2, false)
     FROM channel_members m
     JOIN channels c ON c.id = m.channel_id AND c.deleted_at IS NULL AND NOT c.archived
     CROSS JOIN LATERAL (
         SELECT count(*) FROM (
             SELECT 1 FROM messages u
             WHERE u.channel_id = m.channel_id AND u.deleted_at IS NULL AND u.sender_id <> $1
               AND (u.created_at, u.id) > (
                   coalesce(m.last_read_at, m.joined_at),
                   coalesce(m.last_read_message_id, '00000000-0000-0000-0000-000000000000'))
             LIMIT 1000) counted
     ) unread
     CROSS JOIN LATERAL (
         SELECT count(*) FROM (
             SELECT 1 FROM messages u
             WHERE u.channel_id = m.channel_id AND u.deleted_at IS NULL AND u.sender_id <> $1
               AND (u.created_at, u.id) > (
                   coalesce(m.last_read_at, m.joined_at),
                   coalesce(m.last_read_message_id, '00000000-0000-0000-0000-000000000000'))
               AND (u.mentions <> '{}' OR u.mentions_channel)
               AND (u.mentions_channel OR u.mentions @> ARRAY[$1])
             LIMIT 1000) counted
     ) mentions
     WHERE m.user_id = $1 AND unread.count > 0
     ORDER BY m.channel_id",
);

pub(super) const ALL: &[&Sql] =
    &[&LOOKUP, &LIST, &GROUPS, &COUNT_UNREAD, &MARK_READ, &UNREAD_CHANNELS];

pub(crate) async fn lookup(
    db: &mut impl Queries,
    id: NotificationId,
) -> Result<Option<Notification>, DbError> {
    Ok(db.row(&LOOKUP, &[&id]).await?.as_ref().map(notification))
}

/// The notifications of a person, newest first; one more than `limit`.
pub(crate) async fn list(
    db: &mut impl Queries,
    user: UserId,
    filter: &Filter,
    after: Option<(Timestamp, Uuid)>,
    limit: u32,
) -> Result<Vec<Notification>, DbError> {
    let rows = page_of(db, &LIST, user, filter, after, limit).await?;
    Ok(rows.iter().map(notification).collect())
}

/// The same, those about the same thing as one.
pub(crate) async fn groups(
    db: &mut impl Queries,
    user: UserId,
    filter: &Filter,
    after: Option<(Timestamp, Uuid)>,
    limit: u32,
) -> Result<Vec<Group>, DbError> {
    let rows = page_of(db, &GROUPS, user, filter, after, limit).await?;
    let group = |row: &Row| Group {
        latest: notification(row),
        count: row.get(10),
        unread_count: row.get(11),
    };
    Ok(rows.iter().map(group).collect())
}

async fn page_of(
    db: &mut impl Queries,
    sql: &'static Sql,
    user: UserId,
    filter: &Filter,
    after: Option<(Timestamp, Uuid)>,
    limit: u32,
) -> Result<Vec<Row>, DbError> {
    let topics: Option<Vec<&str>> =
        filter.topics.as_ref().map(|topics| topics.iter().map(|topic| topic.as_str()).collect());
    let (at, id) = after.unzip();
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    db.rows(sql, &[&user, &filter.unread, &topics, &at, &id, &limit]).await
}

/// How many are unread, by topic.
pub(crate) async fn count_unread(
    db: &mut impl Queries,
    user: UserId,
) -> Result<Vec<(Topic, i64)>, DbError> {
    let rows = db.rows(&COUNT_UNREAD, &[&user]).await?;
    Ok(rows.iter().map(|row| (topic(row.get(0)), row.get(1))).collect())
}

/// Marks these, or all, as read. Answers those that were unread.
pub(crate) async fn mark_read(
    tx: &mut Tx,
    user: UserId,
    ids: Option<&[NotificationId]>,
    now: Timestamp,
) -> Result<Vec<NotificationId>, DbError> {
    let rows = tx.rows(&MARK_READ, &[&user, &now, &ids]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What is unread in the channels of a person.
pub(crate) async fn unread_channels(
    db: &mut impl Queries,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<ChannelUnread>, DbError> {
    let rows = db.rows(&UNREAD_CHANNELS, &[&user, &now]).await?;
    let unread = |row: &Row| ChannelUnread {
        channel_id: row.get(0),
        unread_count: row.get(1),
        mention_count: row.get(2),
        muted: row.get(3),
    };
    Ok(rows.iter().map(unread).collect())
}

/// A name that this version does not know was written by a newer one.
fn topic(name: &str) -> Topic {
    Topic::parse(name).unwrap_or(Topic::Security)
}

fn notification(row: &Row) -> Notification {
    let kind: Option<String> = row.get(5);
    Notification {
        id: row.get(0),
        user_id: row.get(1),
        topic: topic(row.get(2)),
        title: row.get(3),
        body: row.get(4),
        resource: kind.zip(row.get(6)).map(|(kind, id)| Resource { kind, id }),
        silent: row.get(7),
        read_at: row.get(8),
        created_at: row.get(9),
    }
}

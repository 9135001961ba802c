//! The SQL of the messages of a channel. Each question is one statement, which
//! also says what the reader is in the channel.

use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_channels::repo::Standing;
use sayso_db::{DbError, Queries, Row, Sql};
use sayso_kernel::page;

use super::{columns, message_if_any, standing};
use crate::model::{Message, MessageId};
use crate::service::Asked;
use crate::window::{Order, Start};

/// The messages of the channel `$2` on one side of a place, nearest first. A
/// place that is not named is the end of time on that side.
macro_rules! page {
    ($beyond:literal, $way:literal, $end:literal, $last:literal) => {
        concat!(
            "SELECT p.*, c.kind, c.archived, cm.role FROM channels c
             LEFT JOIN channel_members cm ON cm.channel_id = c.id AND cm.user_id = $1
             LEFT JOIN LATERAL (
                 SELECT ",
            columns!("m"),
            " FROM messages m
                 WHERE m.channel_id = c.id AND cm.user_id IS NOT NULL AND m.deleted_at IS NULL
                   AND ($3::boolean OR m.thread_id IS NULL)
                   AND (m.created_at, m.id) ",
            $beyond,
            " (coalesce($4::timestamptz, '",
            $end,
            "'), coalesce($5::uuid, '",
            $last,
            "'))
                 ORDER BY m.created_at ",
            $way,
            ", m.id ",
            $way,
            " LIMIT $6) p ON true
             WHERE c.id = $2 AND c.deleted_at IS NULL
             ORDER BY p.created_at ",
            $way,
            ", p.id ",
            $way
        )
    };
}

const LIST_OLDER: Sql = Sql::new(
    "messages.list_older",
    page!("<", "DESC", "infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
);

const LIST_NEWER: Sql = Sql::new(
    "messages.list_newer",
    page!(">", "ASC", "-infinity", "00000000-0000-0000-0000-000000000000"),
);

/// The message `$3` of the channel `$2` with its neighbours on both sides,
/// newest first.
const AROUND: Sql = Sql::new(
    "messages.around",
    concat!(
        "SELECT p.*, c.kind, c.archived, cm.role FROM channels c
         LEFT JOIN channel_members cm ON cm.channel_id = c.id AND cm.user_id = $1
         LEFT JOIN messages a ON a.id = $3 AND a.channel_id = c.id AND a.deleted_at IS NULL
                             AND cm.user_id IS NOT NULL
         LEFT JOIN LATERAL (
             (SELECT ",
        columns!("m"),
        " FROM messages m
              WHERE m.channel_id = c.id AND m.deleted_at IS NULL
                AND ($4::boolean OR m.thread_id IS NULL OR m.id = a.id)
                AND (m.created_at, m.id) <= (a.created_at, a.id)
              ORDER BY m.created_at DESC, m.id DESC LIMIT $5)
             UNION ALL
             (SELECT ",
        columns!("m"),
        " FROM messages m
              WHERE m.channel_id = c.id AND m.deleted_at IS NULL
                AND ($4::boolean OR m.thread_id IS NULL)
                AND (m.created_at, m.id) > (a.created_at, a.id)
              ORDER BY m.created_at, m.id LIMIT $6)) p ON true
         WHERE c.id = $2 AND c.deleted_at IS NULL
         ORDER BY p.created_at DESC, p.id DESC"
    ),
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&LIST_OLDER, &LIST_NEWER, &AROUND];

fn read(rows: &[Row]) -> Option<(Vec<Message>, Standing)> {
    let first = rows.first()?;
    Some((rows.iter().filter_map(message_if_any).collect(), standing(first)))
}

/// Whether messages are read from the oldest to the newest.
pub(super) fn goes_up(order: Order, start: Option<&Start>) -> bool {
    (order == Order::OldestFirst) != start.is_some_and(|start| start.backward)
}

/// The messages of a channel from `start` onwards in its direction, one more
/// than asked for; and what `reader` is there, who reads none of them without
/// being a member. `None`: there is no such channel.
pub(crate) async fn list(
    db: &mut impl Queries,
    reader: UserId,
    channel: ChannelId,
    asked: Asked<'_>,
    start: Option<&Start>,
) -> Result<Option<(Vec<Message>, Standing)>, DbError> {
    let sql = if goes_up(asked.order, start) { &LIST_NEWER } else { &LIST_OLDER };
    let (at, id) = start.map(|start| start.key).unzip();
    let limit = i64::from(asked.limit.min(page::LIMIT_MAX)) + 1;
    let rows = db.rows(sql, &[&reader, &channel, &asked.threads, &at, &id, &limit]).await?;
    Ok(read(&rows))
}

/// A message and its neighbours, newest first: `older` with itself, and
/// `newer`, one more of each. Without the message there are none.
pub(crate) async fn around(
    db: &mut impl Queries,
    reader: UserId,
    (channel, center): (ChannelId, MessageId),
    threads: bool,
    (older, newer): (u32, u32),
) -> Result<Option<(Vec<Message>, Standing)>, DbError> {
    let (older, newer) = (i64::from(older) + 1, i64::from(newer) + 1);
    let rows = db.rows(&AROUND, &[&reader, &channel, &center, &threads, &older, &newer]).await?;
    Ok(read(&rows))
}

//! The SQL of the trash: one statement that lists it, and those that empty it.

use jiff::Timestamp;
use sayso_access::{Actor, Role};
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::page;
use uuid::Uuid;

use crate::trash::{Purged, TrashKind, Trashed};

/// What `$1` may bring back, each kind by the rules of its own: a task whoever
/// answers for it, a message or a comment whoever said it, unless somebody else
/// deleted it, and the channel's admins, a channel its
/// admins and a CEO who sees it, a category and a person whoever the role
/// allows. `$2` names the kinds, `$3` says whether the caller is the CEO, `$4`
/// since when things are kept, `$5` and `$6` where the page begins, `$7` how
/// many. What stood in a channel that is itself in the trash comes back with
/// it, not alone. Messages are walked from the last deleted one on: there is an
/// index of a channel's messages that would lead through all of them.
const LIST: Sql = Sql::new(
    "trash.list",
    "WITH RECURSIVE reports AS (
         SELECT id FROM users WHERE manager_id = $1
         UNION SELECT u.id FROM reports r CROSS JOIN LATERAL (
             SELECT id FROM users WHERE manager_id = r.id OFFSET 0) u
     ), line AS MATERIALIZED (
         SELECT coalesce(array_agg(id), '{}') AS ids FROM reports
     ), mine AS MATERIALIZED (
         SELECT m.channel_id, m.role IN ('owner', 'admin') AS runs FROM channel_members m
         WHERE m.user_id = $1
     )
     SELECT type, id, title, deleted_at, task_id FROM (
         (SELECT 'task' AS type, t.id, t.title, t.deleted_at, NULL::uuid AS task_id FROM tasks t
          LEFT JOIN channels c ON c.id = t.channel_id
          LEFT JOIN mine ON mine.channel_id = t.channel_id
          WHERE 'task' = ANY ($2::text[]) AND t.deleted_at > $4 AND c.deleted_at IS NULL
            AND (t.created_by = $1 OR mine.runs
                 OR ((t.channel_id IS NULL OR c.kind = 'public' OR mine.channel_id IS NOT NULL)
                     AND (t.created_by = ANY ((SELECT ids FROM line)::uuid[])
                          OR t.assigned_to && (SELECT ids FROM line)))
                 OR ($3::boolean AND (t.assigned_to @> ARRAY[$1] OR c.kind = 'public'
                                      OR mine.channel_id IS NOT NULL)))
            AND ($5::timestamptz IS NULL OR (t.deleted_at, t.id) < ($5, $6::uuid))
          ORDER BY t.deleted_at DESC, t.id DESC LIMIT $7)
         UNION ALL
         (SELECT 'comment', k.id, left(k.content, 120), k.deleted_at, k.task_id
          FROM task_comments k
          JOIN tasks t ON t.id = k.task_id AND t.deleted_at IS NULL
          LEFT JOIN channels c ON c.id = t.channel_id
          LEFT JOIN mine ON mine.channel_id = t.channel_id
          WHERE 'comment' = ANY ($2) AND k.deleted_at > $4 AND c.deleted_at IS NULL
            AND (mine.runs OR (k.author_id = $1 AND coalesce(k.deleted_by, $1) = $1
                 AND (c.kind = 'public' OR mine.channel_id IS NOT NULL
                      OR t.created_by = $1 OR t.assigned_to @> ARRAY[$1]
                      OR (t.channel_id IS NULL
                          AND (t.created_by = ANY ((SELECT ids FROM line)::uuid[])
                               OR t.assigned_to && (SELECT ids FROM line))))))
            AND ($5 IS NULL OR (k.deleted_at, k.id) < ($5, $6))
          ORDER BY k.deleted_at DESC, k.id DESC LIMIT $7)
         UNION ALL
         (SELECT 'message', m.id, left(m.content, 120), m.deleted_at, NULL FROM (
              SELECT id, content, deleted_at, deleted_by, channel_id, sender_id FROM messages
              WHERE 'message' = ANY ($2) AND deleted_at > $4
                AND ($5 IS NULL OR (deleted_at, id) < ($5, $6))
              ORDER BY deleted_at DESC, id DESC OFFSET 0) m
          JOIN mine ON mine.channel_id = m.channel_id
          JOIN channels c ON c.id = m.channel_id AND c.deleted_at IS NULL
          WHERE mine.runs OR (m.sender_id = $1 AND coalesce(m.deleted_by, $1) = $1)
          ORDER BY m.deleted_at DESC, m.id DESC LIMIT $7)
         UNION ALL
         (SELECT 'channel', c.id, coalesce(c.name, ''), c.deleted_at, NULL FROM channels c
          LEFT JOIN mine ON mine.channel_id = c.id
          WHERE 'channel' = ANY ($2) AND c.deleted_at > $4
            AND (mine.runs OR ($3 AND (c.kind = 'public' OR mine.channel_id IS NOT NULL)))
            AND ($5 IS NULL OR (c.deleted_at, c.id) < ($5, $6))
          ORDER BY c.deleted_at DESC, c.id DESC LIMIT $7)
         UNION ALL
         (SELECT 'category', g.id, g.name, g.deleted_at, NULL FROM categories g
          WHERE 'category' = ANY ($2) AND g.deleted_at > $4
            AND ($5 IS NULL OR (g.deleted_at, g.id) < ($5, $6))
          ORDER BY g.deleted_at DESC, g.id DESC LIMIT $7)
         UNION ALL
         (SELECT 'user', u.id, u.name, u.deleted_at, NULL FROM users u
          WHERE 'user' = ANY ($2) AND u.deleted_at IS NOT NULL
            AND ($5 IS NULL OR (u.deleted_at, u.id) < ($5, $6))
          ORDER BY u.deleted_at DESC, u.id DESC LIMIT $7)
     ) trash ORDER BY deleted_at DESC, id DESC LIMIT $7",
);

const PURGE_TASKS: Sql = Sql::new(
    "trash.purge_tasks",
    "DELETE FROM tasks WHERE id IN (
         SELECT id FROM tasks WHERE deleted_at < $1 ORDER BY deleted_at, id LIMIT $2
         FOR UPDATE SKIP LOCKED)
     RETURNING id",
);

const PURGE_TASKS_OF_CHANNELS: Sql = Sql::new(
    "trash.purge_tasks_of_channels",
    "DELETE FROM tasks WHERE id = ANY (ARRAY(
         SELECT t.id FROM channels c
         CROSS JOIN LATERAL (
             SELECT o.id FROM tasks o
             WHERE o.channel_id = c.id AND o.deleted_at IS NULL
             LIMIT $2 FOR UPDATE SKIP LOCKED) t
         WHERE c.deleted_at < $1 LIMIT $2))
     RETURNING id",
);

const PURGE_COMMENTS: Sql = Sql::new(
    "trash.purge_comments",
    "DELETE FROM task_comments WHERE id = ANY (ARRAY(
         SELECT id FROM task_comments WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2
         FOR UPDATE SKIP LOCKED))
     RETURNING id",
);

const PURGE_MESSAGES: Sql = Sql::new(
    "trash.purge_messages",
    "DELETE FROM messages WHERE id IN (
         SELECT m.id FROM messages m
         WHERE m.deleted_at < $1
           AND NOT EXISTS (SELECT 1 FROM messages r WHERE r.thread_id = m.id)
         ORDER BY m.deleted_at, m.id LIMIT $2 FOR UPDATE SKIP LOCKED)
     RETURNING id",
);

const PURGE_MESSAGES_OF_CHANNELS: Sql = Sql::new(
    "trash.purge_messages_of_channels",
    "DELETE FROM messages WHERE id IN (
         SELECT m.id FROM channels c CROSS JOIN LATERAL (
             SELECT id FROM messages m
             WHERE m.channel_id = c.id AND m.deleted_at IS NULL
               AND (SELECT r.id FROM messages r WHERE r.thread_id = m.id LIMIT 1) IS NULL
             LIMIT $2 FOR UPDATE SKIP LOCKED) m
         WHERE c.deleted_at < $1
         LIMIT $2)
     RETURNING id",
);

/// A channel goes when nothing stands in it any more.
const PURGE_CHANNELS: Sql = Sql::new(
    "trash.purge_channels",
    "DELETE FROM channels WHERE id IN (
         SELECT c.id FROM channels c
         WHERE c.deleted_at < $1
           AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.channel_id = c.id)
           AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.channel_id = c.id)
         ORDER BY c.deleted_at, c.id LIMIT least($2::bigint, 20) FOR UPDATE SKIP LOCKED)
     RETURNING id",
);

const PURGE_CATEGORIES: Sql = Sql::new(
    "trash.purge_categories",
    "DELETE FROM categories WHERE id IN (
         SELECT g.id FROM categories g
         WHERE g.deleted_at < $1
           AND NOT EXISTS (SELECT 1 FROM categories b WHERE b.parent_id = g.id)
           AND NOT EXISTS (SELECT 1 FROM channels c WHERE c.category_id = g.id)
           AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.category_id = g.id)
         ORDER BY g.deleted_at, g.id LIMIT $2 FOR UPDATE SKIP LOCKED)
     RETURNING id",
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[
    &LIST,
    &PURGE_TASKS,
    &PURGE_TASKS_OF_CHANNELS,
    &PURGE_COMMENTS,
    &PURGE_MESSAGES,
    &PURGE_MESSAGES_OF_CHANNELS,
    &PURGE_CHANNELS,
    &PURGE_CATEGORIES,
];

/// What `actor` may bring back of the kinds, deleted last first; one more than
/// `limit`. When it expires is not known here.
pub(crate) async fn list_trash(
    db: &mut impl Queries,
    actor: &Actor,
    kinds: &[&str],
    since: Timestamp,
    after: Option<(Timestamp, Uuid)>,
    limit: u32,
) -> Result<Vec<Trashed>, DbError> {
    let (at, id) = after.unzip();
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    let is_ceo = actor.role == Role::Ceo;
    let rows = db.rows(&LIST, &[&actor.user_id, &kinds, &is_ceo, &since, &at, &id, &limit]).await?;
    Ok(rows.iter().filter_map(trashed).collect())
}

fn trashed(row: &Row) -> Option<Trashed> {
    Some(Trashed {
        kind: TrashKind::parse(row.get(0))?,
        id: row.get(1),
        title: row.get(2),
        deleted_at: row.get(3),
        expires_at: None,
        task_id: row.get(4),
    })
}

/// Removes at most `max` of each kind. What stands in something goes before it.
pub(crate) async fn purge(tx: &mut Tx, before: Timestamp, max: i64) -> Result<Purged, DbError> {
    let mut counts = [0_i64; 7];
    for (sql, count) in ALL[1..].iter().zip(&mut counts) {
        let gone = tx.rows(sql, &[&before, &max]).await?;
        *count = i64::try_from(gone.len()).unwrap_or(i64::MAX);
    }
    let [tasks, tasks_of, comments, messages, messages_of, channels, categories] = counts;
    Ok(Purged {
        tasks: tasks + tasks_of,
        comments,
        messages: messages + messages_of,
        channels,
        categories,
    })
}

//! The SQL of who hears of a task.

use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_db::{DbError, Queries, Sql, Tx};

use crate::model::TaskId;

/// The people a task without a channel concerns: its creator, its assignees,
/// and everybody they report to.
const CONCERNED: Sql = Sql::new(
    "tasks.concerned",
    "WITH RECURSIVE up AS (
         SELECT id, manager_id FROM users WHERE id = ANY($1)
         UNION SELECT u.id, u.manager_id FROM users u JOIN up ON u.id = up.manager_id
     )
     SELECT id FROM up ORDER BY id",
);

/// The same of several people, each apart.
const LINES_OF: Sql = Sql::new(
    "tasks.lines_of",
    "WITH RECURSIVE up AS (
         SELECT id AS person, id, manager_id FROM users WHERE id = ANY($1)
         UNION SELECT up.person, u.id, u.manager_id FROM users u JOIN up ON u.id = up.manager_id
     )
     SELECT person, id FROM up",
);

const MEMBERS: Sql = Sql::new(
    "tasks.members",
    "SELECT channel_id, user_id FROM channel_members WHERE channel_id = ANY($1)",
);

/// Nobody comes or goes while it is told who has lost sight.
const HOLD_CHANNELS: Sql = Sql::new(
    "tasks.hold_channels",
    "SELECT id FROM channels WHERE id = ANY($1) ORDER BY id FOR SHARE",
);

/// Those of the people `$2` whom nothing connects any more with the task that
/// stands in the same place of `$1`.
const WITHOUT_SIGHT: Sql = Sql::new(
    "tasks.without_sight",
    "SELECT t.id, lost.id FROM unnest($1::uuid[], $2::uuid[]) AS lost(task, id)
     CROSS JOIN LATERAL (
         SELECT id, channel_id, created_by, assigned_to FROM tasks WHERE id = lost.task OFFSET 0) t
     LEFT JOIN channels c ON c.id = t.channel_id
     WHERE t.created_by <> lost.id AND NOT t.assigned_to @> ARRAY[lost.id]
       AND coalesce(c.kind <> 'public', true)
       AND NOT EXISTS (SELECT 1 FROM channel_members m
                       WHERE m.channel_id = t.channel_id AND m.user_id = lost.id)
       AND NOT (t.channel_id IS NULL AND EXISTS (
           WITH RECURSIVE up AS (
               SELECT u.manager_id FROM users u
               WHERE u.id = ANY (array_append(t.assigned_to, t.created_by))
               UNION SELECT u.manager_id FROM up CROSS JOIN LATERAL (
                   SELECT manager_id FROM users WHERE id = up.manager_id OFFSET 0) u
           ) SELECT 1 FROM up WHERE up.manager_id = lost.id))",
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&CONCERNED, &LINES_OF, &MEMBERS, &HOLD_CHANNELS, &WITHOUT_SIGHT];

/// `users` and everybody they report to.
pub(crate) async fn concerned(tx: &mut Tx, users: &[UserId]) -> Result<Vec<UserId>, DbError> {
    let rows = tx.rows(&CONCERNED, &[&users]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Each of `users` with everybody they report to, themselves included.
pub(crate) async fn lines_of(
    tx: &mut Tx,
    users: &[UserId],
) -> Result<Vec<(UserId, UserId)>, DbError> {
    let rows = tx.rows(&LINES_OF, &[&users]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The members of channels, each with the channel.
pub(crate) async fn members(
    tx: &mut Tx,
    channels: &[ChannelId],
) -> Result<Vec<(ChannelId, UserId)>, DbError> {
    let rows = tx.rows(&MEMBERS, &[&channels]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Keeps the members of channels from changing until the end of the
/// transaction.
pub(crate) async fn hold_channels(tx: &mut Tx, channels: &[ChannelId]) -> Result<(), DbError> {
    tx.rows(&HOLD_CHANNELS, &[&channels]).await?;
    Ok(())
}

/// Those of some tasks and people whom nothing connects any more.
pub(crate) async fn without_sight(
    tx: &mut Tx,
    pairs: &[(TaskId, UserId)],
) -> Result<Vec<(TaskId, UserId)>, DbError> {
    let (tasks, users): (Vec<TaskId>, Vec<UserId>) = pairs.iter().copied().unzip();
    let rows = tx.rows(&WITHOUT_SIGHT, &[&tasks, &users]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

//! The SQL of channels, their members and categories.

mod category;

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::page;
use uuid::Uuid;

pub(crate) use category::{
    has_children, height_of, hold_category, insert_category, line_of, list_categories,
    lock_category, lock_deleted_category, lock_tree, lookup_category, soft_delete_category,
    update_category,
};

use crate::model::{
    Channel, ChannelFilter, ChannelId, ChannelKind, Draft, MemberRole, Membership, Reading,
};

/// The columns of a channel, in the order in which [`channel`] reads them.
macro_rules! columns {
    () => {
        "c.id, c.name, c.description, c.kind, c.category_id, c.archived, c.member_count, \
         c.metadata, c.created_by, c.created_at, c.updated_at, c.version, c.revision"
    };
}

/// What a channel is to the reader `$1`, in the order in which [`reading`]
/// reads it; `m` is the reader's membership. Counting stops at 1,000: nobody
/// reads a larger number as a number.
macro_rules! reading {
    () => {
        "m.role, m.last_read_message_id,
         (SELECT count(*) FROM (
             SELECT 1 FROM messages u
             WHERE u.channel_id = c.id AND u.deleted_at IS NULL AND u.sender_id <> $1
               AND u.created_at > coalesce(m.last_read_at, m.joined_at)
             LIMIT 1000) unread),
         (SELECT count(*) FROM (
             SELECT 1 FROM messages u
             WHERE u.channel_id = c.id AND u.deleted_at IS NULL AND u.sender_id <> $1
               AND u.created_at > coalesce(m.last_read_at, m.joined_at)
               AND u.mentions <> '{}' AND u.mentions @> ARRAY[$1]
             LIMIT 1000) mentions)"
    };
}

const INSERT: Sql = Sql::new(
    "channels.insert",
    concat!(
        "INSERT INTO channels AS c (id, name, description, kind, category_id, direct_key,
                                    member_count, metadata, created_by, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
         ON CONFLICT (direct_key) WHERE direct_key IS NOT NULL DO NOTHING
         RETURNING ",
        columns!()
    ),
);

const FIND_DIRECT: Sql = Sql::new(
    "channels.find_direct",
    concat!("SELECT ", columns!(), " FROM channels c WHERE c.direct_key = $1"),
);

const LOOKUP: Sql = Sql::new(
    "channels.lookup",
    concat!(
        "SELECT ",
        columns!(),
        ", ",
        reading!(),
        " FROM channels c
         LEFT JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $1
         WHERE c.id = $2 AND c.deleted_at IS NULL"
    ),
);

const LOCK: Sql = Sql::new(
    "channels.lock",
    concat!(
        "SELECT ",
        columns!(),
        " FROM channels c
             WHERE c.id = $1 AND c.deleted_at IS NULL FOR UPDATE"
    ),
);

const LIST: Sql = Sql::new(
    "channels.list",
    concat!(
        "SELECT ",
        columns!(),
        ", ",
        reading!(),
        " FROM channels c
         LEFT JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $1
         WHERE c.deleted_at IS NULL
           AND (c.kind = 'public' OR m.user_id IS NOT NULL)
           AND ($2::text IS NULL OR c.kind = $2)
           AND ($3::boolean IS NULL OR c.archived = $3)
           AND ($4::uuid IS NULL OR c.category_id = $4)
           AND ($5::timestamptz IS NULL OR (c.created_at, c.id) < ($5, $6))
         ORDER BY c.created_at DESC, c.id DESC LIMIT $7"
    ),
);

const PARTICIPANTS: Sql = Sql::new(
    "channels.participants",
    "SELECT m.user_id, u.name, m.role FROM channel_members m
     JOIN users u ON u.id = m.user_id
     WHERE m.channel_id = $1 ORDER BY m.joined_at, m.user_id LIMIT $2",
);

/// Whether one may write here rests on these two rows: they are held until the
/// write commits.
const STANDING: Sql = Sql::new(
    "channels.standing",
    "SELECT c.kind, c.archived, m.role FROM channels c
     JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $2
     WHERE c.id = $1 AND c.deleted_at IS NULL
     FOR SHARE",
);

const KIND: Sql = Sql::new(
    "channels.kind",
    "SELECT c.kind, c.archived, NULL::text FROM channels c
     WHERE c.id = $1 AND c.deleted_at IS NULL FOR SHARE",
);

const MEMBERS: Sql = Sql::new(
    "channels.members",
    "SELECT user_id, role FROM channel_members WHERE channel_id = $1 FOR UPDATE",
);

const SET_MEMBERS: Sql = Sql::new(
    "channels.set_members",
    "INSERT INTO channel_members (channel_id, user_id, role, joined_at)
     SELECT $1, n.user_id, n.role, $4 FROM unnest($2::uuid[], $3::text[]) AS n(user_id, role)
     ON CONFLICT (channel_id, user_id) DO UPDATE SET role = excluded.role",
);

const REMOVE_MEMBERS: Sql = Sql::new(
    "channels.remove_members",
    "DELETE FROM channel_members WHERE channel_id = $1 AND user_id = ANY($2)",
);

const RECOUNT: Sql = Sql::new(
    "channels.recount",
    concat!(
        "UPDATE channels c SET member_count = $2, revision = c.revision + 1, updated_at = $3
         WHERE c.id = $1 RETURNING ",
        columns!()
    ),
);

const PEOPLE: Sql = Sql::new(
    "channels.people",
    "SELECT id FROM users WHERE id = ANY($1) AND active AND deleted_at IS NULL FOR SHARE",
);

/// All statements of this file, for the test that prepares each of them against
/// the real schema.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    let mut all = vec![
        &INSERT,
        &FIND_DIRECT,
        &LOOKUP,
        &LOCK,
        &LIST,
        &PARTICIPANTS,
        &STANDING,
        &KIND,
        &MEMBERS,
        &SET_MEMBERS,
        &REMOVE_MEMBERS,
        &RECOUNT,
        &PEOPLE,
    ];
    all.extend_from_slice(category::ALL);
    all
}

/// Where a person stands in a channel.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The channel's kind.
    pub kind: ChannelKind,
    /// Whether it is put away.
    pub archived: bool,
    /// The person's role, if they are a member.
    pub role: Option<MemberRole>,
}

/// `None`: the same people have made their direct channel in the meantime.
pub(crate) async fn insert(
    tx: &mut Tx,
    id: ChannelId,
    draft: &Draft,
    direct_key: Option<&str>,
    by: UserId,
    now: Timestamp,
) -> Result<Option<Channel>, DbError> {
    let count = i32::try_from(draft.members.len()).unwrap_or(i32::MAX);
    let row = tx
        .row(
            &INSERT,
            &[
                &id,
                &draft.name,
                &draft.description,
                &draft.kind.as_str(),
                &draft.category_id,
                &direct_key,
                &count,
                &draft.metadata,
                &by,
                &now,
            ],
        )
        .await?;
    Ok(row.as_ref().map(channel))
}

pub(crate) async fn find_direct(tx: &mut Tx, key: &str) -> Result<Option<Channel>, DbError> {
    Ok(tx.row(&FIND_DIRECT, &[&key]).await?.as_ref().map(channel))
}

/// A channel and what it is to `reader`.
pub async fn lookup(
    db: &mut impl Queries,
    id: ChannelId,
    reader: UserId,
) -> Result<Option<(Channel, Reading)>, DbError> {
    let row = db.row(&LOOKUP, &[&reader, &id]).await?;
    Ok(row.map(|row| (channel(&row), reading(&row))))
}

/// A channel, locked against every other change until the end of the
/// transaction.
pub(crate) async fn lock(tx: &mut Tx, id: ChannelId) -> Result<Option<Channel>, DbError> {
    Ok(tx.row(&LOCK, &[&id]).await?.as_ref().map(channel))
}

/// The channels that `reader` sees, newest first; one more than `limit`.
pub(crate) async fn list(
    db: &mut impl Queries,
    reader: UserId,
    filter: &ChannelFilter,
    after: Option<(Timestamp, Uuid)>,
    limit: u32,
) -> Result<Vec<(Channel, Reading)>, DbError> {
    let kind = filter.kind.map(ChannelKind::as_str);
    let (at, id) = after.unzip();
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    let rows = db
        .rows(&LIST, &[&reader, &kind, &filter.archived, &filter.category_id, &at, &id, &limit])
        .await?;
    Ok(rows.iter().map(|row| (channel(row), reading(row))).collect())
}

/// The first members, in the order in which they came.
pub(crate) async fn participants(
    db: &mut impl Queries,
    id: ChannelId,
    limit: i64,
) -> Result<Vec<Membership>, DbError> {
    let rows = db.rows(&PARTICIPANTS, &[&id, &limit]).await?;
    let member = |row: &Row| Membership {
        user_id: row.get(0),
        name: row.get(1),
        role: MemberRole::parse(row.get(2)),
    };
    Ok(rows.iter().map(member).collect())
}

/// Where `user` stands in a channel; held until the end of the transaction.
/// `None`: there is no such channel.
pub async fn standing(
    tx: &mut Tx,
    id: ChannelId,
    user: UserId,
) -> Result<Option<Standing>, DbError> {
    let row = match tx.row(&STANDING, &[&id, &user]).await? {
        Some(row) => Some(row),
        None => tx.row(&KIND, &[&id]).await?,
    };
    Ok(row.map(|row| Standing {
        kind: ChannelKind::parse(row.get(0)),
        archived: row.get(1),
        role: row.get::<_, Option<&str>>(2).map(MemberRole::parse),
    }))
}

/// All members of a locked channel.
pub(crate) async fn members(
    tx: &mut Tx,
    id: ChannelId,
) -> Result<Vec<(UserId, MemberRole)>, DbError> {
    let rows = tx.rows(&MEMBERS, &[&id]).await?;
    Ok(rows.iter().map(|row| (row.get(0), MemberRole::parse(row.get(1)))).collect())
}

pub(crate) async fn set_members(
    tx: &mut Tx,
    id: ChannelId,
    members: &[(UserId, MemberRole)],
    now: Timestamp,
) -> Result<(), DbError> {
    let (users, roles): (Vec<UserId>, Vec<&str>) =
        members.iter().map(|(user, role)| (*user, role.as_str())).unzip();
    tx.rows(&SET_MEMBERS, &[&id, &users, &roles, &now]).await?;
    Ok(())
}

pub(crate) async fn remove_members(
    tx: &mut Tx,
    id: ChannelId,
    users: &[UserId],
) -> Result<(), DbError> {
    tx.rows(&REMOVE_MEMBERS, &[&id, &users]).await?;
    Ok(())
}

/// Writes the number of members; the channel's revision rises with it.
pub(crate) async fn recount(
    tx: &mut Tx,
    id: ChannelId,
    count: i32,
    now: Timestamp,
) -> Result<Channel, DbError> {
    let row = tx.row(&RECOUNT, &[&id, &count, &now]).await?;
    Ok(channel(&row.expect("a locked channel is still there")))
}

/// Those of `users` who exist and are active; held until the end of the
/// transaction.
pub async fn people(tx: &mut Tx, users: &[UserId]) -> Result<Vec<UserId>, DbError> {
    let rows = tx.rows(&PEOPLE, &[&users]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn channel(row: &Row) -> Channel {
    Channel {
        id: row.get(0),
        name: row.get(1),
        description: row.get(2),
        kind: ChannelKind::parse(row.get(3)),
        category_id: row.get(4),
        archived: row.get(5),
        member_count: row.get(6),
        metadata: row.get(7),
        created_by: row.get(8),
        created_at: row.get(9),
        updated_at: row.get(10),
        version: row.get(11),
        revision: row.get(12),
    }
}

fn reading(row: &Row) -> Reading {
    let role = row.get::<_, Option<&str>>(13).map(MemberRole::parse);
    let count = |index: usize| if role.is_some() { row.get(index) } else { 0 };
    Reading {
        role,
        last_read_message_id: row.get(14),
        unread_count: count(15),
        mention_count: count(16),
    }
}

//! The SQL of channels, their members and categories.

mod category;
mod list;
mod member;
mod standing;

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql, Tx};

pub(crate) use category::{
    has_children, height_of, hold_categories, insert_category, line_of, list_categories,
    lock_category, lock_deleted_category, lock_tree, lookup_category, soft_delete_category,
    update_category,
};
pub(crate) use list::list;
pub use member::people;
pub(crate) use member::{
    anybody, has_owner, is_guest, list_members, lock_role, lock_roles, member_ids, move_watermark,
    outsiders, participants, present, remove_members, set_members, set_setting, setting, watermark,
};
pub use standing::{Standing, standing, standings};

use crate::model::{
    Channel, ChannelId, ChannelKind, Draft, MemberRole, NotificationLevel, Reading,
};

/// The columns of a channel, in the order in which [`channel`] reads them.
macro_rules! columns {
    () => {
        "c.id, c.name, c.description, c.kind, c.category_id, c.archived, c.member_count, \
         c.metadata, c.created_by, c.created_at, c.updated_at, c.version, c.revision"
    };
}

/// The messages of others that the reader `$1` of channel `c`, whose membership
/// is `m`, has not read. Counting stops at 1,000: nobody reads a larger number
/// as a number.
macro_rules! unread {
    ($which:literal) => {
        concat!(
            "(SELECT count(*) FROM (
                 SELECT 1 FROM messages u
                 WHERE u.channel_id = c.id AND u.deleted_at IS NULL AND u.sender_id <> $1
                   AND (u.created_at, u.id) > (
                       coalesce(m.last_read_at, m.joined_at),
                       coalesce(m.last_read_message_id, '00000000-0000-0000-0000-000000000000'))",
            $which,
            " LIMIT 1000) unread)"
        )
    };
}

/// What a channel is to the reader `$1`, in the order in which [`reading`]
/// reads it; `m` is the reader's membership.
macro_rules! reading_columns {
    () => {
        concat!(
            "m.role, m.last_read_message_id, m.notification_level, m.muted_until, ",
            unread!(""),
            ", ",
            unread!(
                " AND (u.mentions <> '{}' OR u.mentions_channel)
                   AND (u.mentions_channel OR u.mentions @> ARRAY[$1])"
            )
        )
    };
}

use {columns, reading_columns, unread};

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

/// What the channels that `$which` names by `$2` are to the reader `$1`.
macro_rules! lookup {
    ($which:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", ",
            reading_columns!(),
            " FROM channels c
             LEFT JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $1
             WHERE c.id ",
            $which,
            " AND c.deleted_at IS NULL"
        )
    };
}

const LOOKUP: Sql = Sql::new("channels.lookup", lookup!("= $2"));

const LOOKUP_ALL: Sql = Sql::new("channels.lookup_all", lookup!("= ANY($2)"));

const LOCK: Sql = Sql::new(
    "channels.lock",
    concat!(
        "SELECT ",
        columns!(),
        " FROM channels c
         WHERE c.id = $1 AND c.deleted_at IS NULL FOR UPDATE"
    ),
);

const LOCK_DELETED: Sql = Sql::new(
    "channels.lock_deleted",
    concat!(
        "SELECT ",
        columns!(),
        " FROM channels c
         WHERE c.id = $1 AND c.deleted_at IS NOT NULL FOR UPDATE"
    ),
);

const UPDATE: Sql = Sql::new(
    "channels.update",
    concat!(
        "UPDATE channels c
         SET name = $3, description = $4, kind = $5, category_id = $6, archived = $7,
             metadata = $8, updated_at = $9,
             version = c.version + 1, revision = c.revision + 1
         WHERE c.id = $1 AND c.version = $2 RETURNING ",
        columns!()
    ),
);

/// Deletes (`$3` is the moment) and restores (`$3` is null).
const SET_DELETED: Sql = Sql::new(
    "channels.set_deleted",
    concat!(
        "UPDATE channels c
         SET deleted_at = $3, updated_at = $2,
             version = c.version + 1, revision = c.revision + 1
         WHERE c.id = $1 RETURNING ",
        columns!()
    ),
);

const RECOUNT: Sql = Sql::new(
    "channels.recount",
    concat!(
        "UPDATE channels c SET member_count = $2, revision = c.revision + 1, updated_at = $3
         WHERE c.id = $1 RETURNING ",
        columns!()
    ),
);

/// All statements of this file, for the test that prepares each of them against
/// the real schema.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    let mut all = vec![
        &INSERT,
        &FIND_DIRECT,
        &LOOKUP,
        &LOOKUP_ALL,
        &LOCK,
        &LOCK_DELETED,
        &UPDATE,
        &SET_DELETED,
        &RECOUNT,
    ];
    all.extend_from_slice(member::ALL);
    all.extend_from_slice(standing::ALL);
    all.extend(list::all());
    all.extend_from_slice(category::ALL);
    all
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

/// The same for several channels at once, in no order.
pub(crate) async fn lookup_all(
    db: &mut impl Queries,
    ids: &[ChannelId],
    reader: UserId,
) -> Result<Vec<(Channel, Reading)>, DbError> {
    let rows = db.rows(&LOOKUP_ALL, &[&reader, &ids]).await?;
    Ok(rows.iter().map(|row| (channel(row), reading(row))).collect())
}

/// A channel, locked against every other change until the end of the
/// transaction.
pub(crate) async fn lock(tx: &mut Tx, id: ChannelId) -> Result<Option<Channel>, DbError> {
    Ok(tx.row(&LOCK, &[&id]).await?.as_ref().map(channel))
}

/// The same for a deleted channel.
pub(crate) async fn lock_deleted(tx: &mut Tx, id: ChannelId) -> Result<Option<Channel>, DbError> {
    Ok(tx.row(&LOCK_DELETED, &[&id]).await?.as_ref().map(channel))
}

/// Writes an edited channel that is locked.
pub(crate) async fn update(tx: &mut Tx, c: &Channel) -> Result<Channel, DbError> {
    let row = tx
        .row(
            &UPDATE,
            &[
                &c.id,
                &c.version,
                &c.name,
                &c.description,
                &c.kind.as_str(),
                &c.category_id,
                &c.archived,
                &c.metadata,
                &c.updated_at,
            ],
        )
        .await?;
    Ok(channel(&row.expect("a locked channel is still there")))
}

/// Puts a locked channel into the trash.
pub(crate) async fn soft_delete(
    tx: &mut Tx,
    id: ChannelId,
    now: Timestamp,
) -> Result<Channel, DbError> {
    let row = tx.row(&SET_DELETED, &[&id, &now, &Some(now)]).await?;
    Ok(channel(&row.expect("a locked channel is still there")))
}

/// Takes a locked channel out of the trash.
pub(crate) async fn restore(
    tx: &mut Tx,
    id: ChannelId,
    now: Timestamp,
) -> Result<Channel, DbError> {
    let row = tx.row(&SET_DELETED, &[&id, &now, &None::<Timestamp>]).await?;
    Ok(channel(&row.expect("a locked channel is still there")))
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

/// How many columns [`channel`] reads.
const CHANNEL_COLUMNS: usize = 13;
/// How many columns [`reading`] reads after them.
const READING_COLUMNS: usize = 6;

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
    const AT: usize = CHANNEL_COLUMNS;
    let role = row.get::<_, Option<&str>>(AT).map(MemberRole::parse);
    let count = |index: usize| if role.is_some() { row.get(index) } else { 0 };
    Reading {
        role,
        last_read_message_id: row.get(AT + 1),
        notification_level: row.get::<_, Option<&str>>(AT + 2).map(NotificationLevel::parse),
        muted_until: row.get(AT + 3),
        unread_count: count(AT + 4),
        mention_count: count(AT + 5),
    }
}

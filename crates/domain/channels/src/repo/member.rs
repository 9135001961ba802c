//! The SQL of members: who is in a channel, as what, and what they have read
//! of it.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::page;
use uuid::Uuid;

use crate::model::{ChannelId, MemberRole, Membership, NotificationLevel};

/// The columns of a member, in the order in which [`member`] reads them.
macro_rules! columns {
    () => {
        "m.user_id, u.name, m.role, m.joined_at, u.last_active_at"
    };
}

const PARTICIPANTS: Sql = Sql::new(
    "channels.participants",
    concat!(
        "SELECT ",
        columns!(),
        " FROM channel_members m
         JOIN users u ON u.id = m.user_id
         WHERE m.channel_id = $1 ORDER BY m.joined_at, m.user_id LIMIT $2"
    ),
);

const LIST: Sql = Sql::new(
    "channels.list_members",
    concat!(
        "SELECT ",
        columns!(),
        " FROM channel_members m
         JOIN users u ON u.id = m.user_id
         WHERE m.channel_id = $1
           AND ($2::text[] IS NULL OR m.role = ANY ($2))
           AND ($3::timestamptz IS NULL OR (m.joined_at, m.user_id) > ($3, $4))
         ORDER BY m.joined_at, m.user_id LIMIT $5"
    ),
);

/// Those who were seen last come first: who is here was seen lately.
const PRESENT: Sql = Sql::new(
    "channels.present",
    concat!(
        "SELECT ",
        columns!(),
        " FROM channel_members m
         JOIN users u ON u.id = m.user_id AND u.active AND u.deleted_at IS NULL
         WHERE m.channel_id = $1
         ORDER BY u.last_active_at DESC NULLS LAST, m.user_id LIMIT $2"
    ),
);

const LOCK_ROLES: Sql = Sql::new(
    "channels.lock_roles",
    "SELECT user_id, role FROM channel_members
     WHERE channel_id = $1 AND user_id = ANY($2) ORDER BY user_id FOR UPDATE",
);

/// Somebody who can still act as an owner.
const OWNER: Sql = Sql::new(
    "channels.owner",
    "SELECT 1 FROM channel_members m
     JOIN users u ON u.id = m.user_id AND u.active AND u.deleted_at IS NULL
     WHERE m.channel_id = $1 AND m.role = 'owner' LIMIT 1",
);

const MEMBER_IDS: Sql = Sql::new(
    "channels.member_ids",
    "SELECT user_id FROM channel_members WHERE channel_id = $1 ORDER BY user_id",
);

/// Those who see a public channel and nothing else.
const OUTSIDERS: Sql = Sql::new(
    "channels.outsiders",
    "SELECT u.id FROM users u
     WHERE u.active AND u.deleted_at IS NULL AND NOT EXISTS (
         SELECT 1 FROM channel_members m WHERE m.channel_id = $1 AND m.user_id = u.id)
     ORDER BY u.id",
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

const PEOPLE: Sql = Sql::new(
    "channels.people",
    "SELECT id FROM users WHERE id = ANY($1) AND active AND deleted_at IS NULL FOR SHARE",
);

/// Also those who were deleted: they may still have to be shown out.
const ANYBODY: Sql =
    Sql::new("channels.anybody", "SELECT id FROM users WHERE id = ANY($1) ORDER BY id");

/// How far `$2` has read, and the place of the message `$3` among those that
/// can be read. What was sent before somebody came counts as sent when they
/// came, or reading the old would make the new unread again. The channel is
/// held first, as by everybody who changes members.
const WATERMARK: Sql = Sql::new(
    "channels.watermark",
    "SELECT coalesce(m.last_read_at, m.joined_at),
            coalesce(m.last_read_message_id, '00000000-0000-0000-0000-000000000000'),
            greatest(t.created_at, m.joined_at), t.id
     FROM channels c
     JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $2
     LEFT JOIN messages t ON t.id = $3 AND t.channel_id = c.id
     WHERE c.id = $1 AND c.deleted_at IS NULL
     FOR SHARE OF c FOR UPDATE OF m",
);

const MOVE_WATERMARK: Sql = Sql::new(
    "channels.move_watermark",
    "UPDATE channel_members SET last_read_at = $3, last_read_message_id = $4
     WHERE channel_id = $1 AND user_id = $2",
);

const SETTING: Sql = Sql::new(
    "channels.setting",
    "SELECT m.notification_level, m.muted_until FROM channels c
     JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $2
     WHERE c.id = $1 AND c.deleted_at IS NULL
     FOR SHARE OF c FOR UPDATE OF m",
);

const SET_SETTING: Sql = Sql::new(
    "channels.set_setting",
    "UPDATE channel_members SET notification_level = $3, muted_until = $4
     WHERE channel_id = $1 AND user_id = $2",
);

/// Whether somebody is nothing but a guest in every channel that they are in,
/// as the list of people has it.
const IS_GUEST: Sql = Sql::new(
    "channels.is_guest",
    "SELECT coalesce((SELECT role = 'staff' FROM users WHERE id = $1), false)
            AND coalesce(bool_and(m.role = 'guest'), false)
     FROM channel_members m JOIN channels c ON c.id = m.channel_id
     WHERE m.user_id = $1 AND c.kind <> 'direct' AND c.deleted_at IS NULL",
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[
    &IS_GUEST,
    &PARTICIPANTS,
    &LIST,
    &PRESENT,
    &LOCK_ROLES,
    &OWNER,
    &MEMBER_IDS,
    &OUTSIDERS,
    &SET_MEMBERS,
    &REMOVE_MEMBERS,
    &PEOPLE,
    &ANYBODY,
    &WATERMARK,
    &MOVE_WATERMARK,
    &SETTING,
    &SET_SETTING,
];

/// How far somebody has read.
pub(crate) struct Watermark {
    /// The place of what was read last.
    pub(crate) at: (Timestamp, Uuid),
    /// The place of the message that was asked for; `None`: it does not stand
    /// in this channel.
    pub(crate) message: Option<(Timestamp, Uuid)>,
}

/// The first members, in the order in which they came.
pub(crate) async fn participants(
    db: &mut impl Queries,
    id: ChannelId,
    limit: i64,
) -> Result<Vec<Membership>, DbError> {
    Ok(db.rows(&PARTICIPANTS, &[&id, &limit]).await?.iter().map(member).collect())
}

/// The members in the order in which they came, all or those of some roles;
/// one more than `limit`.
pub(crate) async fn list_members(
    db: &mut impl Queries,
    id: ChannelId,
    roles: Option<&[MemberRole]>,
    after: Option<(Timestamp, Uuid)>,
    limit: u32,
) -> Result<Vec<Membership>, DbError> {
    let roles: Option<Vec<&str>> =
        roles.map(|roles| roles.iter().copied().map(MemberRole::as_str).collect());
    let (at, user) = after.unzip();
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    Ok(db.rows(&LIST, &[&id, &roles, &at, &user, &limit]).await?.iter().map(member).collect())
}

/// The members who were seen last.
pub(crate) async fn present(
    db: &mut impl Queries,
    id: ChannelId,
    limit: i64,
) -> Result<Vec<Membership>, DbError> {
    Ok(db.rows(&PRESENT, &[&id, &limit]).await?.iter().map(member).collect())
}

/// The roles of those of `users` who are members of a locked channel.
pub(crate) async fn lock_roles(
    tx: &mut Tx,
    id: ChannelId,
    users: &[UserId],
) -> Result<Vec<(UserId, MemberRole)>, DbError> {
    let rows = tx.rows(&LOCK_ROLES, &[&id, &users]).await?;
    Ok(rows.iter().map(|row| (row.get(0), MemberRole::parse(row.get(1)))).collect())
}

/// The role of `user` in a locked channel.
pub(crate) async fn lock_role(
    tx: &mut Tx,
    id: ChannelId,
    user: UserId,
) -> Result<Option<MemberRole>, DbError> {
    Ok(lock_roles(tx, id, &[user]).await?.first().map(|(_, role)| *role))
}

/// Whether a locked channel has an owner who can act as one.
/// Whether somebody is nothing but a guest wherever they are.
pub(crate) async fn is_guest(tx: &mut Tx, user: UserId) -> Result<bool, DbError> {
    Ok(tx.row(&IS_GUEST, &[&user]).await?.is_some_and(|row| row.get(0)))
}

pub(crate) async fn has_owner(tx: &mut Tx, id: ChannelId) -> Result<bool, DbError> {
    Ok(tx.row(&OWNER, &[&id]).await?.is_some())
}

/// All members of a locked channel.
pub(crate) async fn member_ids(tx: &mut Tx, id: ChannelId) -> Result<Vec<UserId>, DbError> {
    Ok(tx.rows(&MEMBER_IDS, &[&id]).await?.iter().map(|row| row.get(0)).collect())
}

/// Everybody who is not a member of a locked channel.
pub(crate) async fn outsiders(tx: &mut Tx, id: ChannelId) -> Result<Vec<UserId>, DbError> {
    Ok(tx.rows(&OUTSIDERS, &[&id]).await?.iter().map(|row| row.get(0)).collect())
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

/// Those of `users` who exist and are active; held until the end of the
/// transaction.
pub async fn people(tx: &mut Tx, users: &[UserId]) -> Result<Vec<UserId>, DbError> {
    let rows = tx.rows(&PEOPLE, &[&users]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Those of `users` who exist or existed.
pub(crate) async fn anybody(tx: &mut Tx, users: &[UserId]) -> Result<Vec<UserId>, DbError> {
    Ok(tx.rows(&ANYBODY, &[&users]).await?.iter().map(|row| row.get(0)).collect())
}

/// How far a member has read, locked until the end of the transaction. `None`:
/// they are not a member, or there is no such channel.
pub(crate) async fn watermark(
    tx: &mut Tx,
    id: ChannelId,
    user: UserId,
    message: Uuid,
) -> Result<Option<Watermark>, DbError> {
    let row = tx.row(&WATERMARK, &[&id, &user, &message]).await?;
    Ok(row.map(|row| Watermark {
        at: (row.get(0), row.get(1)),
        message: row.get::<_, Option<Uuid>>(3).map(|message| (row.get(2), message)),
    }))
}

pub(crate) async fn move_watermark(
    tx: &mut Tx,
    id: ChannelId,
    user: UserId,
    (at, message): (Timestamp, Uuid),
) -> Result<(), DbError> {
    tx.rows(&MOVE_WATERMARK, &[&id, &user, &at, &message]).await?;
    Ok(())
}

/// What a member wants to hear, locked until the end of the transaction.
/// `None`: they are not a member, or there is no such channel.
pub(crate) async fn setting(
    tx: &mut Tx,
    id: ChannelId,
    user: UserId,
) -> Result<Option<(NotificationLevel, Option<Timestamp>)>, DbError> {
    let row = tx.row(&SETTING, &[&id, &user]).await?;
    Ok(row.map(|row| (NotificationLevel::parse(row.get(0)), row.get(1))))
}

pub(crate) async fn set_setting(
    tx: &mut Tx,
    id: ChannelId,
    user: UserId,
    (level, until): (NotificationLevel, Option<Timestamp>),
) -> Result<(), DbError> {
    tx.rows(&SET_SETTING, &[&id, &user, &level.as_str(), &until]).await?;
    Ok(())
}

fn member(row: &Row) -> Membership {
    Membership {
        user_id: row.get(0),
        name: row.get(1),
        role: MemberRole::parse(row.get(2)),
        joined_at: row.get(3),
        last_active_at: row.get(4),
    }
}

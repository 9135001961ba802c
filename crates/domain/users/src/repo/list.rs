//! The SQL that shows people to a reader: one, or lists in every order.
//!
//! A guest, who is nothing but a guest in every channel they are in, sees the
//! people of those channels and nobody else. Who is a guest is found out in the
//! same statement.

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Sql};
use sayso_kernel::page;
use uuid::Uuid;

use super::{columns, user};
use crate::filter::{Filter, Sort, SortKey};
use crate::model::User;

/// Whether the reader `$1` is a guest. Talking to somebody in a direct channel
/// does not make them one of the company, nor does it make them a guest.
macro_rules! caller {
    () => {
        "caller AS MATERIALIZED (
             SELECT coalesce((SELECT role = 'staff' FROM users WHERE id = $1), false)
                    AND coalesce(bool_and(m.role = 'guest'), false) AS is_guest
             FROM channel_members m JOIN channels c ON c.id = m.channel_id
             WHERE m.user_id = $1 AND c.kind <> 'direct' AND c.deleted_at IS NULL)"
    };
}

/// Whether the reader sees the person `u`; needs [`caller`].
macro_rules! seen {
    () => {
        "(NOT (SELECT is_guest FROM caller) OR u.id = $1 OR EXISTS (
             SELECT 1 FROM channel_members mine
             JOIN channel_members theirs ON theirs.channel_id = mine.channel_id
             JOIN channels c ON c.id = mine.channel_id
             WHERE mine.user_id = $1 AND theirs.user_id = u.id AND c.deleted_at IS NULL))"
    };
}

/// Those people that `$which` names by `$2` and the reader sees.
macro_rules! lookup {
    ($which:literal) => {
        concat!(
            "WITH ",
            caller!(),
            " SELECT ",
            columns!(),
            " FROM users u WHERE u.id ",
            $which,
            " AND u.deleted_at IS NULL AND ",
            seen!()
        )
    };
}

const LOOKUP_SEEN: Sql = Sql::new("users.lookup_seen", lookup!("= $2"));

const LOOKUP_ALL_SEEN: Sql = Sql::new("users.lookup_all_seen", lookup!("= ANY($2)"));

/// Whether the reader is a guest.
const IS_GUEST: Sql =
    Sql::new("users.is_guest", concat!("WITH ", caller!(), " SELECT is_guest FROM caller"));

const REPORTS: Sql = Sql::new(
    "users.reports",
    concat!(
        // Whoever was deleted is not shown, and still stands between those
        // above and those below.
        "WITH RECURSIVE line AS (
             SELECT id FROM users WHERE manager_id = $2
             UNION SELECT below.id FROM line l CROSS JOIN LATERAL (
                 SELECT id FROM users WHERE $3 AND manager_id = l.id OFFSET 0) below
         ), ",
        caller!(),
        " SELECT ",
        columns!(),
        ", search_fold(u.name)
         FROM users u
         WHERE u.id = ANY (ARRAY(SELECT id FROM line)) AND u.deleted_at IS NULL AND ",
        seen!(),
        " AND (search_fold(u.name), u.id) > ($4, $5)
         ORDER BY search_fold(u.name), u.id LIMIT $6"
    ),
);

/// A list in one order. The order's key is also answered as text, for the
/// cursor, which is always there: the first page begins before everybody.
macro_rules! list {
    ($name:expr, $from:literal, $key:literal, $type:literal, $order:literal, $compare:literal) => {
        Sql::new(
            $name,
            concat!(
                "WITH ",
                caller!(),
                " SELECT ",
                columns!(),
                ", (",
                $key,
                ")::text FROM ",
                $from,
                " AND ($2::text[] IS NULL OR u.role = ANY ($2))
                  AND ($3::boolean IS NULL OR (u.active AND u.deleted_at IS NULL) = $3)
                  AND ($4::uuid IS NULL OR u.manager_id = $4)
                  AND ($5::uuid[] IS NULL OR u.id = ANY ($5))
                  AND ($6::text IS NULL OR strpos(u.search_text, (SELECT search_fold($6))) > 0)
                  AND ",
                seen!(),
                " AND (",
                $key,
                ", u.id) ",
                $compare,
                " ($7::text::",
                $type,
                ", $8::uuid) ORDER BY ",
                $key,
                " ",
                $order,
                ", u.id ",
                $order,
                " LIMIT $9"
            ),
        )
    };
}

/// The lists in all orders, ascending and descending, of one way in.
macro_rules! orders {
    ($way:literal, $from:literal) => {
        [
            [
                &list!(
                    concat!($way, "_by_created"),
                    $from,
                    "u.created_at",
                    "timestamptz",
                    "ASC",
                    ">"
                ),
                &list!(
                    concat!($way, "_by_created_desc"),
                    $from,
                    "u.created_at",
                    "timestamptz",
                    "DESC",
                    "<"
                ),
            ],
            [
                &list!(
                    concat!($way, "_by_updated"),
                    $from,
                    "u.updated_at",
                    "timestamptz",
                    "ASC",
                    ">"
                ),
                &list!(
                    concat!($way, "_by_updated_desc"),
                    $from,
                    "u.updated_at",
                    "timestamptz",
                    "DESC",
                    "<"
                ),
            ],
            [
                &list!(concat!($way, "_by_name"), $from, "search_fold(u.name)", "text", "ASC", ">"),
                &list!(
                    concat!($way, "_by_name_desc"),
                    $from,
                    "search_fold(u.name)",
                    "text",
                    "DESC",
                    "<"
                ),
            ],
        ]
    };
}

type Orders = [[&'static Sql; 2]; 3];

const OF_ALL: Orders = orders!("users.list", "users u WHERE u.deleted_at IS NULL");
/// Whoever asks by id (to name an author) is told of the deleted too. OFFSET 0
/// keeps the order of the list from choosing another way in.
const OF_IDS: Orders =
    orders!("users.list_of_ids", "(SELECT * FROM users WHERE id = ANY ($5) OFFSET 0) u WHERE true");
const OF_MANAGER: Orders = orders!(
    "users.list_of_manager",
    "(SELECT * FROM users WHERE manager_id = $4 OFFSET 0) u WHERE u.deleted_at IS NULL"
);

/// The statements of this file.
pub(super) fn all() -> Vec<&'static Sql> {
    let lists = [OF_ALL, OF_IDS, OF_MANAGER].into_iter().flatten().flatten();
    lists.chain([&LOOKUP_SEEN, &LOOKUP_ALL_SEEN, &IS_GUEST, &REPORTS]).collect()
}

/// A person that the reader sees; who reads for the machine sees everybody.
pub(crate) async fn lookup_seen(
    db: &mut impl Queries,
    reader: Option<UserId>,
    id: UserId,
) -> Result<Option<User>, DbError> {
    Ok(db.row(&LOOKUP_SEEN, &[&reader, &id]).await?.as_ref().map(user))
}

/// The same for several people at once, in no order.
pub(crate) async fn lookup_all_seen(
    db: &mut impl Queries,
    reader: Option<UserId>,
    ids: &[UserId],
) -> Result<Vec<User>, DbError> {
    Ok(db.rows(&LOOKUP_ALL_SEEN, &[&reader, &ids]).await?.iter().map(user).collect())
}

/// Whether the reader is a guest, who does not see everybody.
pub(crate) async fn is_guest(db: &mut impl Queries, reader: UserId) -> Result<bool, DbError> {
    let row = db.row(&IS_GUEST, &[&reader]).await?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// Where the first page of a list begins.
fn beginning(sort: Sort) -> (String, Uuid) {
    let key = match (sort.key, sort.descending) {
        (SortKey::Name, false) => "",
        (SortKey::Name, true) => "\u{10ffff}\u{10ffff}",
        (_, false) => "-infinity",
        (_, true) => "infinity",
    };
    (key.to_owned(), if sort.descending { Uuid::max() } else { Uuid::nil() })
}

/// The statement for a list: by the filter that leaves the fewest people.
fn list_sql(filter: &Filter) -> &'static Sql {
    let way = if filter.ids.is_some() {
        OF_IDS
    } else if filter.manager_id.is_some() {
        OF_MANAGER
    } else {
        OF_ALL
    };
    let key = match filter.sort.key {
        SortKey::CreatedAt => 0,
        SortKey::UpdatedAt => 1,
        SortKey::Name => 2,
    };
    way[key][usize::from(filter.sort.descending)]
}

fn rows_of(limit: u32) -> i64 {
    i64::from(limit.min(page::LIMIT_MAX)) + 1
}

/// The people that the reader sees, each with the text of the sort key; one
/// more than `limit`.
pub(crate) async fn list(
    db: &mut impl Queries,
    reader: Option<UserId>,
    filter: &Filter,
    after: Option<(String, Uuid)>,
    limit: u32,
) -> Result<Vec<(User, String)>, DbError> {
    let roles: Option<Vec<&str>> =
        filter.roles.as_ref().map(|roles| roles.iter().map(|role| role.as_str()).collect());
    let (key, id) = after.unwrap_or_else(|| beginning(filter.sort));
    let rows = db
        .rows(
            list_sql(filter),
            &[
                &reader,
                &roles,
                &filter.active,
                &filter.manager_id,
                &filter.ids,
                &filter.search,
                &key,
                &id,
                &rows_of(limit),
            ],
        )
        .await?;
    Ok(rows.iter().map(|row| (user(row), row.get(16))).collect())
}

/// Who reports to a person and is seen by the reader, by name; directly, or
/// the whole line. One more than `limit`.
pub(crate) async fn reports(
    db: &mut impl Queries,
    reader: Option<UserId>,
    (id, whole_line): (UserId, bool),
    after: Option<(String, Uuid)>,
    limit: u32,
) -> Result<Vec<(User, String)>, DbError> {
    let (key, last) = after.unwrap_or_default();
    let limit = rows_of(limit);
    let rows = db.rows(&REPORTS, &[&reader, &id, &whole_line, &key, &last, &limit]).await?;
    Ok(rows.iter().map(|row| (user(row), row.get(16))).collect())
}

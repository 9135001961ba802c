//! The SQL of lists of channels: one statement for each order.
//!
//! What a reader sees comes from two sides: public channels, of which there is
//! an index, and the others through the reader's own memberships, of which
//! there are few. Each side gives what a page can hold at the most; what is
//! unread is counted for the rows of the page alone.

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Sql};
use sayso_kernel::page;
use uuid::Uuid;

use super::{CHANNEL_COLUMNS, READING_COLUMNS, channel, columns, reading, reading_columns, unread};
use crate::filter::{ChannelFilter, Sort, SortKey};
use crate::model::{Channel, ChannelKind, Reading};

/// What all filters say of `c`.
macro_rules! fits {
    () => {
        "c.deleted_at IS NULL
          AND ($2::text[] IS NULL OR c.kind = ANY ($2))
          AND ($3::boolean IS NULL OR c.archived = $3)
          AND ($4::uuid[] IS NULL OR c.category_id = ANY ($4))
          AND ($5::text IS NULL
               OR strpos(search_fold(coalesce(c.name, '')), (SELECT search_fold($5))) > 0)
          AND ($6::boolean IS NULL OR $6 = EXISTS (
               SELECT 1 FROM channel_members o WHERE o.channel_id = c.id AND o.user_id = $1))
          AND ($7::uuid[] IS NULL OR c.id = ANY ($7))"
    };
}

/// What one side gives to a page.
macro_rules! side {
    ($from:literal, $key:literal, $type:literal, $order:literal, $compare:literal) => {
        concat!(
            "(SELECT c.* FROM ",
            $from,
            " AND ",
            fits!(),
            " AND (",
            $key,
            ", c.id) ",
            $compare,
            " ($8::text::",
            $type,
            ", $9::uuid) ORDER BY ",
            $key,
            " ",
            $order,
            ", c.id ",
            $order,
            " LIMIT 101)"
        )
    };
}

/// A list in one order. The order's key is also answered as text, for the
/// cursor, which is always there: the first page begins before everything.
macro_rules! list {
    ($name:literal, $key:literal, $type:literal, $order:literal, $compare:literal) => {
        Sql::new(
            $name,
            concat!(
                "SELECT ",
                columns!(),
                ", ",
                reading_columns!(),
                ", (",
                $key,
                ")::text FROM (SELECT * FROM (",
                side!("channels c WHERE c.kind = 'public'", $key, $type, $order, $compare),
                " UNION ALL ",
                side!(
                    "channel_members i JOIN channels c ON c.id = i.channel_id
                     WHERE i.user_id = $1 AND c.kind <> 'public'",
                    $key,
                    $type,
                    $order,
                    $compare
                ),
                ") c ORDER BY ",
                $key,
                " ",
                $order,
                ", c.id ",
                $order,
                " LIMIT $10) c
                 LEFT JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $1
                 ORDER BY ",
                $key,
                " ",
                $order,
                ", c.id ",
                $order
            ),
        )
    };
}

/// In the order of [`SortKey`], ascending and descending. A direct channel has
/// no name and comes last both ways.
const LISTS: [[&Sql; 2]; 3] = [
    [
        &list!("channels.list_by_created", "c.created_at", "timestamptz", "ASC", ">"),
        &list!("channels.list_by_created_desc", "c.created_at", "timestamptz", "DESC", "<"),
    ],
    [
        &list!("channels.list_by_updated", "c.updated_at", "timestamptz", "ASC", ">"),
        &list!("channels.list_by_updated_desc", "c.updated_at", "timestamptz", "DESC", "<"),
    ],
    [
        &list!(
            "channels.list_by_name",
            "coalesce(lower(c.name), chr(1114111))",
            "text",
            "ASC",
            ">"
        ),
        &list!("channels.list_by_name_desc", "coalesce(lower(c.name), '')", "text", "DESC", "<"),
    ],
];

/// The statements of this file.
pub(super) fn all() -> Vec<&'static Sql> {
    LISTS.into_iter().flatten().collect()
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

/// The channels that `reader` sees, each with the text of its sort key; one
/// more than `limit`.
pub(crate) async fn list(
    db: &mut impl Queries,
    reader: UserId,
    filter: &ChannelFilter,
    sort: Sort,
    after: Option<(String, Uuid)>,
    limit: u32,
) -> Result<Vec<((Channel, Reading), String)>, DbError> {
    let kinds: Option<Vec<&str>> =
        filter.kinds.as_ref().map(|all| all.iter().copied().map(ChannelKind::as_str).collect());
    let (key, id) = after.unwrap_or_else(|| beginning(sort));
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    let by = match sort.key {
        SortKey::CreatedAt => 0,
        SortKey::UpdatedAt => 1,
        SortKey::Name => 2,
    };
    let rows = db
        .rows(
            LISTS[by][usize::from(sort.descending)],
            &[
                &reader,
                &kinds,
                &filter.archived,
                &filter.category_ids,
                &filter.search,
                &filter.member,
                &filter.ids,
                &key,
                &id,
                &limit,
            ],
        )
        .await?;
    let key = CHANNEL_COLUMNS + READING_COLUMNS;
    let entry = |row| ((channel(row), reading(row)), row.get(key));
    Ok(rows.iter().map(entry).collect())
}

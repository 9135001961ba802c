//! The SQL of lists of tasks: one statement for each order and each way in.
//!
//! A statement is planned once, for whatever it is asked. So which index it is
//! to use is decided here: in the order of the list, passing over what does not
//! fit, or by the filter that leaves the fewest tasks, which are then sorted.

use jiff::SignedDuration;
use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Sql};
use sayso_kernel::matcher::Matcher;
use sayso_kernel::page;
use uuid::Uuid;

use super::{columns, in_sight, reports, search, task};
use crate::filter::{RELEVANCE, Sort, SortKey, TaskFilter};
use crate::model::Task;

/// Who sees `t`, and what all filters but the search say.
macro_rules! fits {
    () => {
        concat!(
            in_sight!(),
            " AND (t.created_by = $1 OR t.assigned_to @> ARRAY[$1]
               OR t.channel_id IN (
                   SELECT c.id FROM channels c WHERE c.kind = 'public'
                   UNION ALL
                   SELECT m.channel_id FROM channel_members m WHERE m.user_id = $1)
               OR (t.channel_id IS NULL
                   AND (t.created_by = ANY((SELECT ids FROM line)::uuid[])
                        OR t.assigned_to && (SELECT ids FROM line))))
          AND ($2::uuid[] IS NULL OR t.assigned_to && $2)
          AND ($3::text[] IS NULL OR t.status = ANY($3))
          AND ($4::smallint[] IS NULL OR t.priority = ANY($4))
          AND ($5::timestamptz IS NULL OR t.due_date >= $5)
          AND ($6::timestamptz IS NULL OR t.due_date < $6)
          AND ($7::uuid IS NULL OR t.channel_id = $7)
          AND ($17::uuid IS NULL OR t.category_id = $17)
          AND ($8::text[] IS NULL OR t.tags @> $8)
          AND ($9::uuid IS NULL OR t.created_by = $9)
          AND ($10::boolean IS NULL OR $10 = (
               coalesce(t.due_date < $11, false) AND t.status NOT IN ('done', 'cancelled')))
          AND ($12::boolean IS NULL OR t.blocked = $12)
          AND ($13::timestamptz IS NULL OR t.updated_at >= $13)"
        )
    };
}

/// A list in one order. The order's key is also answered as text, for the
/// cursor, which is always there: the first page begins before everything.
///
/// The inner limit is what a page can have at the most. It is written out for
/// the planner, who takes an unknown one for a tenth of the table. The CASE
/// is for it as well: of a dozen filters that are mostly absent it would expect
/// a single task, and collect the whole table to sort it.
macro_rules! list {
    ($name:expr, $from:expr, $key:literal, $type:literal, $order:literal, $compare:literal) => {
        Sql::new(
            $name,
            concat!(
                "WITH ",
                reports!(),
                " SELECT * FROM (SELECT ",
                columns!(),
                ", (",
                $key,
                ")::text FROM ",
                $from,
                " t WHERE t.deleted_at IS NULL AND CASE WHEN ",
                fits!(),
                " THEN true END AND (",
                $key,
                ", t.id) ",
                $compare,
                " ($14::text::",
                $type,
                ", $15::uuid) ORDER BY ",
                $key,
                " ",
                $order,
                ", t.id ",
                $order,
                " LIMIT 101) page LIMIT $16"
            ),
        )
    };
}

/// The lists in all orders, ascending and descending, of one way in.
macro_rules! orders {
    ($way:literal, $from:expr) => {
        [
            [
                &list!(
                    concat!($way, "_by_created"),
                    $from,
                    "t.created_at",
                    "timestamptz",
                    "ASC",
                    ">"
                ),
                &list!(
                    concat!($way, "_by_created_desc"),
                    $from,
                    "t.created_at",
                    "timestamptz",
                    "DESC",
                    "<"
                ),
            ],
            [
                &list!(
                    concat!($way, "_by_updated"),
                    $from,
                    "t.updated_at",
                    "timestamptz",
                    "ASC",
                    ">"
                ),
                &list!(
                    concat!($way, "_by_updated_desc"),
                    $from,
                    "t.updated_at",
                    "timestamptz",
                    "DESC",
                    "<"
                ),
            ],
            [
                &list!(
                    concat!($way, "_by_due"),
                    $from,
                    "coalesce(t.due_date, 'infinity')",
                    "timestamptz",
                    "ASC",
                    ">"
                ),
                &list!(
                    concat!($way, "_by_due_desc"),
                    $from,
                    "coalesce(t.due_date, '-infinity')",
                    "timestamptz",
                    "DESC",
                    "<"
                ),
            ],
            [
                &list!(concat!($way, "_by_priority"), $from, "t.priority", "smallint", "ASC", ">"),
                &list!(
                    concat!($way, "_by_priority_desc"),
                    $from,
                    "t.priority",
                    "smallint",
                    "DESC",
                    "<"
                ),
            ],
            [
                &list!(concat!($way, "_by_title"), $from, "lower(t.title)", "text", "ASC", ">"),
                &list!(
                    concat!($way, "_by_title_desc"),
                    $from,
                    "lower(t.title)",
                    "text",
                    "DESC",
                    "<"
                ),
            ],
        ]
    };
}

/// The tasks that one filter leaves, found by its own index: OFFSET 0 keeps
/// the order of the list from choosing another. A range has both ends, for one
/// that is open is taken for a third of the table.
macro_rules! chosen {
    ($filter:literal) => {
        concat!("(SELECT * FROM tasks t WHERE t.deleted_at IS NULL AND ", $filter, " OFFSET 0)")
    };
}

pub(super) use fits;

type Orders = [[&'static Sql; 2]; 5];

const OF_ALL: Orders = orders!("tasks.list", "tasks");
const OF_CHANNEL: Orders = orders!("tasks.list_of_channel", chosen!("t.channel_id = $7"));
const OF_CATEGORY: Orders = orders!("tasks.list_of_category", chosen!("t.category_id = $17"));
const OF_ASSIGNEE: Orders = orders!("tasks.list_of_assignee", chosen!("t.assigned_to && $2"));
const OF_CREATOR: Orders = orders!("tasks.list_of_creator", chosen!("t.created_by = $9"));
const OF_TAGS: Orders = orders!("tasks.list_of_tags", chosen!("t.tags @> $8"));
const OF_BLOCKED: Orders = orders!("tasks.list_of_blocked", chosen!("t.blocked"));
const OF_CHANGED: Orders =
    orders!("tasks.list_of_changed", chosen!("t.updated_at >= $13 AND t.updated_at < 'infinity'"));
const OF_DUE: Orders = orders!(
    "tasks.list_of_due",
    chosen!("coalesce(t.due_date, 'infinity') >= $5 AND coalesce(t.due_date, 'infinity') < $6")
);

/// The newest tasks of a channel stand in its index in the order of the list.
const NEWEST_OF_CHANNEL: &Sql = &list!(
    "tasks.list_newest_of_channel",
    "(SELECT * FROM tasks t WHERE t.channel_id = $7)",
    "t.created_at",
    "timestamptz",
    "DESC",
    "<"
);

/// The statements of this file.
pub(super) fn all() -> Vec<&'static Sql> {
    let ways = [
        OF_ALL,
        OF_CHANNEL,
        OF_CATEGORY,
        OF_ASSIGNEE,
        OF_CREATOR,
        OF_TAGS,
        OF_BLOCKED,
        OF_CHANGED,
        OF_DUE,
    ];
    ways.into_iter().flatten().flatten().chain([NEWEST_OF_CHANNEL]).collect()
}

/// A span of time in which few enough tasks are changed or due to be sorted.
const SPAN_MAX: SignedDuration = SignedDuration::from_hours(24 * 7);

/// The statement for a list: by the filter that leaves the fewest tasks.
fn list_sql(filter: &TaskFilter, sort: Sort, now: Timestamp) -> &'static Sql {
    let is_short = |from: Timestamp, to: Timestamp| to.duration_since(from) <= SPAN_MAX;
    let is_newest = sort.key == SortKey::CreatedAt && sort.descending;
    let way = if filter.assigned_to.is_some() {
        OF_ASSIGNEE
    } else if filter.created_by.is_some() {
        OF_CREATOR
    } else if filter.tags.is_some() {
        OF_TAGS
    } else if filter.blocked == Some(true) {
        OF_BLOCKED
    } else if filter.updated_since.is_some_and(|since| is_short(since, now)) {
        OF_CHANGED
    } else if filter.channel_id.is_some() && is_newest {
        return NEWEST_OF_CHANNEL;
    } else if filter.channel_id.is_some() {
        OF_CHANNEL
    } else if filter.category_id.is_some() {
        OF_CATEGORY
    } else if filter.due_from.zip(filter.due_to).is_some_and(|(from, to)| is_short(from, to)) {
        OF_DUE
    } else {
        OF_ALL
    };
    let key = match sort.key {
        SortKey::CreatedAt | SortKey::Relevance => 0,
        SortKey::UpdatedAt => 1,
        SortKey::DueDate => 2,
        SortKey::Priority => 3,
        SortKey::Title => 4,
    };
    way[key][usize::from(sort.descending)]
}

/// Where the first page of a list begins.
fn beginning(sort: Sort) -> (String, Uuid) {
    let key = match (sort.key, sort.descending) {
        (SortKey::Priority, false) => "-1",
        (SortKey::Priority, true) => "32767",
        (SortKey::Title, false) => "",
        (SortKey::Title, true) => "\u{10ffff}\u{10ffff}",
        (SortKey::Relevance, _) => "2147483647",
        (_, false) => "-infinity",
        (_, true) => "infinity",
    };
    (key.to_owned(), if sort.descending { Uuid::max() } else { Uuid::nil() })
}

/// The tasks that `reader` sees, each with the text of its sort key; one more
/// than `limit`.
pub(crate) async fn list(
    db: &mut impl Queries,
    reader: UserId,
    filter: &TaskFilter,
    matcher: Option<&Matcher>,
    (sort, now): (Sort, Timestamp),
    after: Option<(String, Uuid)>,
    limit: u32,
) -> Result<Vec<(Task, String)>, DbError> {
    let status: Option<Vec<&str>> =
        filter.status.as_ref().map(|all| all.iter().map(|status| status.as_str()).collect());
    let priority: Option<Vec<i16>> =
        filter.priority.as_ref().map(|all| all.iter().map(|priority| priority.rank()).collect());
    let sort = if matcher.is_none() && sort == RELEVANCE { Sort::default() } else { sort };
    let (key, id) = after.unwrap_or_else(|| beginning(sort));
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    let mut params: Vec<&(dyn postgres_types::ToSql + Sync)> = vec![
        &reader,
        &filter.assigned_to,
        &status,
        &priority,
        &filter.due_from,
        &filter.due_to,
        &filter.channel_id,
        &filter.tags,
        &filter.created_by,
        &filter.overdue,
        &now,
        &filter.blocked,
        &filter.updated_since,
        &key,
        &id,
        &limit,
        &filter.category_id,
    ];
    let sql = match matcher {
        Some(m) => {
            params.extend_from_slice(&[&m.key, &m.second, &m.must, &m.parts, &m.words]);
            search::statement(m.way, sort)
        }
        None => list_sql(filter, sort, now),
    };
    let rows = db.rows(sql, &params).await?;
    Ok(rows.iter().map(|row| (task(row), row.get(20))).collect())
}

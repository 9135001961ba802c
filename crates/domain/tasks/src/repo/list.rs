//! The SQL of lists of tasks: one statement for each order and each way in.
//!
//! A statement is planned once, for whatever it is asked. So which index it is
//! to use is decided here: by the filter that leaves the fewest tasks, which
//! are then sorted, or in the order of the list, passing over what does not
//! fit ([`super::walk`]), where no filter leaves few.

use jiff::SignedDuration;
use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Sql};
use sayso_kernel::page;
use uuid::Uuid;

use super::walk::Wanted;
use super::{COLUMNS, columns, in_sight, reports, search, task, walk};
use crate::filter::{RELEVANCE, Sort, SortKey, TaskFilter};
use crate::model::Task;

/// Rows of a list, each with the text of its sort key, and where the next ones
/// are to be looked for when it was given up before the page was full.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) rows: Vec<(Task, String)>,
    pub(crate) beyond: Option<Place>,
}

/// A place in a list: the text of the sort key, and the id.
pub(crate) type Place = (String, Uuid);

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
          AND ($7::uuid[] IS NULL OR t.channel_id = ANY($7))
          AND ($17::uuid[] IS NULL OR t.category_id = ANY($17))
          AND ($8::text[] IS NULL OR t.tags @> $8)
          AND ($9::uuid[] IS NULL OR t.created_by = ANY($9))
          AND ($10::boolean IS NULL OR $10 = (
               coalesce(t.due_date < $11, false) AND t.status NOT IN ('done', 'cancelled')))
          AND ($12::boolean IS NULL OR t.blocked = $12)
          AND ($13::timestamptz IS NULL OR t.updated_at >= $13)"
        )
    };
}

/// What comes after the place at which the page begins, in the order of the list.
macro_rules! from_place {
    ($key:literal, $type:literal, $order:literal, $compare:literal) => {
        concat!(
            "(",
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
            $order
        )
    };
}

/// The tasks `t` of `$from`, which are few, sorted. The order's key is also answered
/// as text, for the cursor, which is always there: the first page begins before
/// everything.
///
/// The inner limit is what a page can have at the most. It is written out for
/// the planner, who takes an unknown one for a tenth of the table. The CASE
/// is for it as well: of a dozen filters that are mostly absent it would expect
/// a single task, and collect the whole table to sort it.
macro_rules! sorted {
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
                ")::text FROM (SELECT t.* FROM ",
                $from,
                // Keeps the order of the list from choosing another index.
                " OFFSET 0) t WHERE CASE WHEN ",
                fits!(),
                " THEN true END AND ",
                from_place!($key, $type, $order, $compare),
                " LIMIT 101) page LIMIT $16"
            ),
        )
    };
}

/// The tasks that a filter leaves.
macro_rules! of_filter {
    ($filter:expr) => {
        concat!("tasks t WHERE t.deleted_at IS NULL AND ", $filter)
    };
}

/// The lists in all orders, ascending and descending, of one form and source.
macro_rules! orders {
    ($form:ident, $way:expr, $filter:expr) => {
        [
            $crate::repo::list::both!(
                $form,
                $way,
                "_by_created",
                $filter,
                "t.created_at",
                "t.created_at",
                "timestamptz"
            ),
            $crate::repo::list::both!(
                $form,
                $way,
                "_by_updated",
                $filter,
                "t.updated_at",
                "t.updated_at",
                "timestamptz"
            ),
            $crate::repo::list::both!(
                $form,
                $way,
                "_by_due",
                $filter,
                "coalesce(t.due_date, 'infinity')",
                "coalesce(t.due_date, '-infinity')",
                "timestamptz"
            ),
            $crate::repo::list::both!(
                $form,
                $way,
                "_by_priority",
                $filter,
                "t.priority",
                "t.priority",
                "smallint"
            ),
            $crate::repo::list::both!(
                $form,
                $way,
                "_by_title",
                $filter,
                "lower(t.title)",
                "lower(t.title)",
                "text"
            ),
        ]
    };
}

/// One order, up and down; what has no value comes last both ways.
macro_rules! both {
    ($form:ident, $way:expr, $by:literal, $filter:expr, $up:literal, $down:literal,
     $type:literal) => {
        [
            &$form!(concat!($way, $by), $filter, $up, $type, "ASC", ">"),
            &$form!(concat!($way, $by, "_desc"), $filter, $down, $type, "DESC", "<"),
        ]
    };
}

pub(super) use {both, fits, from_place, orders, sorted};

/// In the order of [`SortKey`], ascending and descending.
pub(super) type Orders = [[&'static Sql; 2]; 5];

/// A filter by which a list may go: the lists of what it leaves, and what looks
/// for a search among that.
pub(super) struct Filtered {
    lists: Orders,
    pub(super) searched: &'static Sql,
}

macro_rules! filtered {
    ($of:literal, $filter:literal) => {
        Filtered {
            lists: orders!(sorted, concat!("tasks.list_of_", $of), of_filter!($filter)),
            searched: &search::looking_through!(concat!("tasks.search_of_", $of), $filter),
        }
    };
}

const OF_CHANNEL: Filtered = filtered!("channel", "t.channel_id = ANY($7)");
const OF_CATEGORY: Filtered = filtered!("category", "t.category_id = ANY($17)");
const OF_ASSIGNEE: Filtered = filtered!("assignee", "t.assigned_to && $2");
const OF_CREATOR: Filtered = filtered!("creator", "t.created_by = ANY($9)");
const OF_TAGS: Filtered = filtered!("tags", "t.tags @> $8");
const OF_BLOCKED: Filtered = filtered!("blocked", "t.blocked");
// A range has both ends, for one that is open is taken for a third of the table.
const OF_CHANGED: Filtered =
    filtered!("changed", "t.updated_at >= $13 AND t.updated_at < 'infinity'");
const OF_DUE: Filtered = filtered!(
    "due",
    "coalesce(t.due_date, 'infinity') >= $5 AND coalesce(t.due_date, 'infinity') < $6"
);

/// The statements of this file.
pub(super) fn all() -> Vec<&'static Sql> {
    let ways =
        [OF_CHANNEL, OF_CATEGORY, OF_ASSIGNEE, OF_CREATOR, OF_TAGS, OF_BLOCKED, OF_CHANGED, OF_DUE];
    ways.into_iter().flat_map(|way| way.lists.into_iter().flatten().chain([way.searched])).collect()
}

/// A span of time in which few enough tasks are changed or due to be sorted.
const SPAN_MAX: SignedDuration = SignedDuration::from_hours(24 * 7);

/// The filter that leaves the fewest tasks, unless none leaves few, and its
/// column and values where they may be common.
type Narrow = (Filtered, Option<(&'static str, Wanted, Vec<String>)>);

fn texts(ids: &[impl ToString]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn narrowest(filter: &TaskFilter, sort: Sort, now: Timestamp) -> Option<Narrow> {
    let is_short = |from: Timestamp, to: Timestamp| to.duration_since(from) <= SPAN_MAX;
    if filter.assigned_to.is_some() {
        Some((OF_ASSIGNEE, None))
    } else if let Some(people) = &filter.created_by {
        // One person makes few enough.
        let rests_on = (people.len() > 1).then(|| ("created_by", Wanted::Any, texts(people)));
        Some((OF_CREATOR, rests_on))
    } else if let Some(tags) = &filter.tags {
        Some((OF_TAGS, Some(("tags", Wanted::All, tags.clone()))))
    } else if filter.updated_since.is_some_and(|since| is_short(since, now)) {
        Some((OF_CHANGED, None))
    } else if walk::is_newest_of_channel(filter, sort) {
        // Its index has them in this order.
        None
    } else if let Some(channels) = &filter.channel_id {
        Some((OF_CHANNEL, Some(("channel_id", Wanted::Any, texts(channels)))))
    } else if filter.blocked == Some(true) {
        Some((OF_BLOCKED, Some(("blocked", Wanted::Any, vec!["t".to_owned()]))))
    } else if let Some(categories) = &filter.category_id {
        Some((OF_CATEGORY, Some(("category_id", Wanted::Any, texts(categories)))))
    } else if filter.due_from.zip(filter.due_to).is_some_and(|(from, to)| is_short(from, to)) {
        Some((OF_DUE, None))
    } else {
        None
    }
}

/// The filter that leaves few tasks, unless there is none or it leaves so many
/// that walking along the order finds a page sooner.
pub(super) async fn narrow(
    db: &mut impl Queries,
    filter: &TaskFilter,
    (sort, now): (Sort, Timestamp),
) -> Result<Option<Filtered>, DbError> {
    let Some((way, rests_on)) = narrowest(filter, sort, now) else { return Ok(None) };
    if let Some((column, wanted, values)) = rests_on
        && walk::is_shorter(db, column, wanted, &values).await?
    {
        return Ok(None);
    }
    Ok(Some(way))
}

/// Where the orders of a key stand in [`Orders`].
pub(super) fn place_of(key: SortKey) -> usize {
    match key {
        SortKey::CreatedAt | SortKey::Relevance => 0,
        SortKey::UpdatedAt => 1,
        SortKey::DueDate => 2,
        SortKey::Priority => 3,
        SortKey::Title => 4,
    }
}

/// Where the first page of a list begins.
pub(super) fn beginning(sort: Sort) -> Place {
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
    search: Option<&search::Search>,
    (sort, now): (Sort, Timestamp),
    after: Option<Place>,
    limit: u32,
) -> Result<Listed, DbError> {
    let status: Option<Vec<&str>> =
        filter.status.as_ref().map(|all| all.iter().map(|status| status.as_str()).collect());
    let priority: Option<Vec<i16>> =
        filter.priority.as_ref().map(|all| all.iter().map(|priority| priority.rank()).collect());
    let sort = if search.is_none() && sort == RELEVANCE { Sort::default() } else { sort };
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
    let ids: Vec<Uuid>;
    let sql = match search {
        Some(search) => {
            ids = search::found(db, search, &params, (filter, now)).await?;
            if ids.is_empty() {
                return Ok(Listed::default());
            }
            params.push(&ids);
            if sort.key == SortKey::Relevance {
                params.extend_from_slice(&search.ranking());
            }
            search::statement(sort)
        }
        None => match narrow(db, filter, (sort, now)).await? {
            Some(way) => way.lists[place_of(sort.key)][usize::from(sort.descending)],
            None => return walk::along(db, walk::walk(filter, sort), &params, limit).await,
        },
    };
    let rows = db.rows(sql, &params).await?;
    let rows = rows.iter().map(|row| (task(row), row.get(COLUMNS))).collect();
    Ok(Listed { rows, beyond: None })
}

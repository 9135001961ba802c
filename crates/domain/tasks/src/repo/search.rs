//! The SQL of lists of tasks with a search: one statement for each order and
//! each index that can be asked first.
//!
//! Each takes the newest matches that the reader sees and that fit all
//! filters, and sorts those.

use sayso_db::{DbError, Queries, Sql};
use sayso_kernel::matcher::Way;

use super::list::{fits, from_place};
use super::{columns, in_sight, reports};
use crate::filter::{Sort, SortKey};

const FOLD: Sql = Sql::new(
    "tasks.fold",
    "SELECT search_fold(word) FROM unnest($1::text[]) WITH ORDINALITY AS t(word, place)
     ORDER BY place",
);

/// A list of the matches among `$from` in one order. The parameters are those
/// of a list without a search, and five of the matcher; some ways leave some of
/// them unused, so their types are named first.
macro_rules! search {
    ($name:expr, $from:expr, $match:expr, $of:literal, $key:literal, $type:literal,
     $order:literal, $compare:literal) => {
        Sql::new(
            $name,
            concat!(
                "WITH ",
                reports!(),
                ", parameters AS (
                     SELECT $18::text[], $19::text[], $21::text[], $22::text[]
                 ), found AS MATERIALIZED (
                     SELECT t.* FROM ",
                $from,
                " t WHERE t.deleted_at IS NULL AND ",
                $match,
                " AND t.search_text ~ ALL ($20::text[]) AND CASE WHEN ",
                fits!(),
                " THEN true END ORDER BY t.created_at DESC, t.id DESC LIMIT 2000
                 ), ranked AS MATERIALIZED (
                     SELECT f.*, (
                         SELECT coalesce(sum(
                             CASE WHEN left(f.search_text, char_length(f.title)) ~ w.word THEN 1000
                                  WHEN left(f.search_text, char_length(f.title)) LIKE w.part THEN 700
                                  WHEN f.search_text ~ w.word THEN 500
                                  WHEN f.search_text LIKE w.part THEN 300
                                  ELSE 0 END) / count(*), 0)::int
                         FROM unnest($21::text[], $22::text[]) AS w(part, word)) AS score
                     FROM found f
                 ) SELECT ",
                columns!(),
                ", (",
                $key,
                ")::text FROM ",
                $of,
                " t WHERE ",
                from_place!($key, $type, $order, $compare),
                " LIMIT $16"
            ),
        )
    };
}

/// The lists in all orders of one way in: by time made, changed and due, by
/// priority and title, each up and down, and by relevance.
macro_rules! searches {
    ($way:literal, $from:expr, $match:expr) => {
        [
            &search!(
                concat!($way, "_by_created"),
                $from,
                $match,
                "found",
                "t.created_at",
                "timestamptz",
                "ASC",
                ">"
            ),
            &search!(
                concat!($way, "_by_created_desc"),
                $from,
                $match,
                "found",
                "t.created_at",
                "timestamptz",
                "DESC",
                "<"
            ),
            &search!(
                concat!($way, "_by_updated"),
                $from,
                $match,
                "found",
                "t.updated_at",
                "timestamptz",
                "ASC",
                ">"
            ),
            &search!(
                concat!($way, "_by_updated_desc"),
                $from,
                $match,
                "found",
                "t.updated_at",
                "timestamptz",
                "DESC",
                "<"
            ),
            &search!(
                concat!($way, "_by_due"),
                $from,
                $match,
                "found",
                "coalesce(t.due_date, 'infinity')",
                "timestamptz",
                "ASC",
                ">"
            ),
            &search!(
                concat!($way, "_by_due_desc"),
                $from,
                $match,
                "found",
                "coalesce(t.due_date, '-infinity')",
                "timestamptz",
                "DESC",
                "<"
            ),
            &search!(
                concat!($way, "_by_priority"),
                $from,
                $match,
                "found",
                "t.priority",
                "smallint",
                "ASC",
                ">"
            ),
            &search!(
                concat!($way, "_by_priority_desc"),
                $from,
                $match,
                "found",
                "t.priority",
                "smallint",
                "DESC",
                "<"
            ),
            &search!(
                concat!($way, "_by_title"),
                $from,
                $match,
                "found",
                "lower(t.title)",
                "text",
                "ASC",
                ">"
            ),
            &search!(
                concat!($way, "_by_title_desc"),
                $from,
                $match,
                "found",
                "lower(t.title)",
                "text",
                "DESC",
                "<"
            ),
            &search!(
                concat!($way, "_by_relevance"),
                $from,
                $match,
                "ranked",
                "t.score",
                "int",
                "DESC",
                "<"
            ),
        ]
    };
}

/// How many of the newest tasks fit. The parameters are those of the search.
const SAMPLE: Sql = Sql::new(
    "tasks.sample_of_search",
    concat!(
        "WITH ",
        reports!(),
        ", parameters AS (
             SELECT $14::text, $15::uuid, $16::bigint, $18::text[], $19::text[], $21::text[],
                    $22::text[]
         )
         SELECT count(*)
         FROM (SELECT * FROM tasks n WHERE n.deleted_at IS NULL
               ORDER BY n.created_at DESC, n.id DESC LIMIT 1000) t
         WHERE t.search_text ~ ALL ($20::text[]) AND CASE WHEN ",
        fits!(),
        " THEN true END"
    ),
);
/// From how many of them on the newest 12,000 tasks hold the newest 2,000
/// matches. An index would name tens of thousands, to take the newest of them.
const COMMON_MIN: i64 = 200;

/// Whether so many tasks fit that the index is of no use; `params` are those of
/// a look through the newest.
pub(super) async fn is_common(
    db: &mut impl Queries,
    params: &[&(dyn postgres_types::ToSql + Sync)],
) -> Result<bool, DbError> {
    let row = db.row(&SAMPLE, params).await?;
    Ok(row.is_some_and(|row| row.get::<_, i64>(0) >= COMMON_MIN))
}

type Orders = [&'static Sql; 11];

const BY_PARTS: Orders = searches!(
    "tasks.search_by_parts",
    "tasks",
    "t.search_text LIKE ANY ($18) AND t.search_text LIKE ANY ($19)"
);
const BY_STARTS: Orders = searches!(
    "tasks.search_by_starts",
    "tasks",
    "(t.search_text ~ ANY ($18) OR t.search_text %> ANY ($19))"
);
const BY_PAIRS: Orders = searches!("tasks.search_by_pairs", "tasks", "t.search_grams @> $18");
/// What no index knows, and what most have, is looked for among the newest.
const BY_NEWEST: Orders = searches!(
    "tasks.search_by_newest",
    "(SELECT * FROM tasks n WHERE n.deleted_at IS NULL
      ORDER BY n.created_at DESC, n.id DESC LIMIT 12000)",
    "true"
);

/// The statements of this file.
pub(super) fn all() -> Vec<&'static Sql> {
    let ways = [BY_PARTS, BY_STARTS, BY_PAIRS, BY_NEWEST];
    ways.into_iter().flatten().chain([&FOLD, &SAMPLE]).collect()
}

/// The statement for a search.
pub(super) fn statement(way: Way, sort: Sort) -> &'static Sql {
    let orders = match way {
        Way::Parts => BY_PARTS,
        Way::Starts => BY_STARTS,
        Way::Pairs => BY_PAIRS,
        Way::Newest => BY_NEWEST,
    };
    let key = match sort.key {
        SortKey::CreatedAt => 0,
        SortKey::UpdatedAt => 1,
        SortKey::DueDate => 2,
        SortKey::Priority => 3,
        SortKey::Title => 4,
        SortKey::Relevance => return orders[10],
    };
    orders[2 * key + usize::from(sort.descending)]
}

/// The words as the indexed texts are written: without accents, in small
/// letters.
pub(crate) async fn fold(db: &mut impl Queries, words: &[String]) -> Result<Vec<String>, DbError> {
    let rows = db.rows(&FOLD, &[&words]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

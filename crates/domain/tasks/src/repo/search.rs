//! The SQL of lists of tasks with a search: which tasks such a list is of.
//!
//! It is of the newest 2,000 matches that the reader sees and that fit all
//! filters. Those are found first, by one of three ways, none of which takes
//! long in one statement whatever is asked; then they are sorted as any tasks
//! that a filter leaves.
//!
//! - What few have is asked of an index. It names all matches of all time, so
//!   it is asked only for what a sample holds to be rare, and gives up after
//!   some thousands of them; nor for what is rare though all its pieces are
//!   frequent, through all of which it would go.
//! - What the filter that leaves the fewest tasks leaves is looked through,
//!   where that is few.
//! - Otherwise the newest tasks are looked through, stride by stride.

use jiff::Timestamp;
use postgres_types::ToSql;
use sayso_db::{DbError, Queries, Row, Sql};
use sayso_kernel::matcher::{Matcher, Way};
use uuid::Uuid;

use super::list::{self, Orders, Place, fits, from_place, orders, place_of, sorted};
use super::{columns, in_sight, reports, walk};
use crate::filter::{RELEVANCE, Sort, SortKey, TaskFilter};

/// The newest matches that a list is of, at the most.
const FOUND_MAX: i64 = 2000;
/// Strides for one list: two million tasks looked at. Older ones are left out.
const STRIDES_MAX: usize = 400;
/// From how many of the sample on that hold the rarest piece of a term an index
/// is not asked: of a million tasks it would go through as many thousands.
const PIECES_MIN: i64 = 250;
const FOLD: Sql = Sql::new(
    "tasks.fold",
    "SELECT search_fold(word) FROM unnest($1::text[]) WITH ORDINALITY AS t(word, place)
     ORDER BY place",
);

/// What an index is asked, for the key `$key` and what goes with it.
macro_rules! matches {
    (parts, $key:literal, $second:literal) => {
        concat!("t.search_text LIKE ANY (", $key, ") AND t.search_text LIKE ANY (", $second, ")")
    };
    (starts, $key:literal, $second:literal) => {
        concat!("(t.search_text ~ ANY (", $key, ") OR t.search_text %> ANY (", $second, "))")
    };
    (pairs, $key:literal, $second:literal) => {
        concat!("t.search_grams @> ", $key)
    };
}

/// How many of a thousandth of all tasks, a page here and there, match what an
/// index is to be asked, and how many hold each piece that the index knows of it.
macro_rules! sample {
    ($name:literal, $way:ident) => {
        Sql::new(
            $name,
            concat!(
                "WITH parameters AS (SELECT $1::text[], $2::text[]), t AS MATERIALIZED (
                     SELECT search_text, search_grams
                     FROM tasks TABLESAMPLE SYSTEM (0.1) REPEATABLE (1)
                 )
                 SELECT count(*) FILTER (WHERE ",
                matches!($way, "$1", "$2"),
                "), ARRAY(SELECT count(p.place) FROM unnest($3::text[]) WITH ORDINALITY g (gram, place)
                          LEFT JOIN LATERAL (
                              SELECT g.place FROM t WHERE t.search_text LIKE g.gram) p ON true
                          GROUP BY g.place ORDER BY g.place)
                 FROM t"
            ),
        )
    };
}

/// The ids of the newest matches, by an index; null where it has more than
/// `$most`. Those are looked at in no order, so which they are would be chance.
macro_rules! through_index {
    ($name:literal, $way:ident, $most:literal) => {
        Sql::new(
            $name,
            concat!(
                "WITH ",
                reports!(),
                ", parameters AS (SELECT $18::text[], $19::text[]), matched AS MATERIALIZED (
                     SELECT t.id, t.created_at, t.created_by, t.assigned_to, t.channel_id, t.status,
                            t.priority, t.due_date, t.category_id, t.tags, t.blocked, t.updated_at,
                            t.search_text
                     FROM tasks t WHERE t.deleted_at IS NULL
                       -- Says the same, but the planner does not know: it expects so few that
                       -- it asks the index and does not hope to meet enough on its way.
                       AND coalesce(t.deleted_at, 'infinity') = 'infinity' AND ",
                matches!($way, "$18", "$19"),
                " LIMIT 1 + ",
                $most,
                ") SELECT CASE WHEN (SELECT count(*) FROM matched) <= ",
                $most,
                " THEN ARRAY(
                     SELECT t.id FROM matched t
                     WHERE t.search_text ~ ALL ($20::text[]) AND CASE WHEN ",
                fits!(),
                " THEN true END AND ",
                from_place!("t.created_at", "timestamptz", "DESC", "<"),
                " LIMIT $16) END"
            ),
        )
    };
}

/// The ids of the newest matches of those that a filter leaves.
macro_rules! looking_through {
    ($name:expr, $filter:expr) => {
        Sql::new(
            $name,
            concat!(
                "WITH ",
                reports!(),
                " SELECT t.id FROM (SELECT * FROM tasks t WHERE t.deleted_at IS NULL AND ",
                $filter,
                " OFFSET 0) t WHERE t.search_text ~ ALL ($18::text[]) AND CASE WHEN ",
                fits!(),
                " THEN true END AND ",
                from_place!("t.created_at", "timestamptz", "DESC", "<"),
                " LIMIT $16"
            ),
        )
    };
}
pub(super) use looking_through;

/// The same of the next 5,000 tasks. Where it ends, `tasks.stride_by_created_desc`
/// says.
const STRIDE: Sql = Sql::new(
    "tasks.search_newest",
    concat!(
        "WITH ",
        reports!(),
        " SELECT t.id FROM (SELECT * FROM tasks t WHERE t.deleted_at IS NULL AND ",
        from_place!("t.created_at", "timestamptz", "DESC", "<"),
        " LIMIT 5000) t
         WHERE t.search_text ~ ALL ($18::text[]) AND CASE WHEN ",
        fits!(),
        " THEN true END ORDER BY t.created_at DESC, t.id DESC LIMIT $16"
    ),
);

/// An index, and what it takes to know whether to ask it.
struct Index {
    sample: Sql,
    /// From how many of the sample on it is not asked: it would name about a
    /// thousand times as many, and has to go through all of them to name one.
    many_min: i64,
    matches: Sql,
}

const BY_PARTS: Index = Index {
    sample: sample!("tasks.sample_by_parts", parts),
    many_min: 8,
    matches: through_index!("tasks.search_by_parts", parts, 6000),
};
/// What it names has to be read to be certain, which takes twice as long.
const BY_STARTS: Index = Index {
    sample: sample!("tasks.sample_by_starts", starts),
    many_min: 4,
    matches: through_index!("tasks.search_by_starts", starts, 3000),
};
const BY_PAIRS: Index = Index {
    sample: sample!("tasks.sample_by_pairs", pairs),
    many_min: 8,
    matches: through_index!("tasks.search_by_pairs", pairs, 6000),
};

/// The tasks of the ids `$18`. OFFSET 0 keeps this a look into the index for each
/// of them, also where the planner has not noticed yet how many tasks there are.
macro_rules! of_ids {
    () => {
        "unnest($18::uuid[]) AS found (id) CROSS JOIN LATERAL (
             SELECT * FROM tasks n WHERE n.id = found.id AND n.deleted_at IS NULL OFFSET 0) t"
    };
}

/// The list of the found tasks in the order of how well they fit.
const BY_RELEVANCE: Sql = Sql::new(
    "tasks.list_of_found_by_relevance",
    concat!(
        "WITH ",
        reports!(),
        ", ranked AS MATERIALIZED (
             SELECT t.*, (
                 SELECT coalesce(sum(
                     CASE WHEN left(t.search_text, char_length(t.title)) ~ w.word THEN 1000
                          WHEN left(t.search_text, char_length(t.title)) LIKE w.part THEN 700
                          WHEN t.search_text ~ w.word THEN 500
                          WHEN t.search_text LIKE w.part THEN 300
                          ELSE 0 END) / count(*), 0)::int
                 FROM unnest($19::text[], $20::text[]) AS w(part, word)) AS score
             FROM ",
        of_ids!(),
        " WHERE CASE WHEN ",
        fits!(),
        " THEN true END
         ) SELECT ",
        columns!(),
        ", t.score::text FROM ranked t WHERE ",
        from_place!("t.score", "int", "DESC", "<"),
        " LIMIT $16"
    ),
);

/// The lists of the found tasks in all other orders. What became of them since
/// they were found is looked at again.
const OF_FOUND: Orders = orders!(sorted, "tasks.list_of_found", of_ids!());

/// The statements of this file.
pub(super) fn all() -> Vec<&'static Sql> {
    let ways: [&'static Index; 3] = [&BY_PARTS, &BY_STARTS, &BY_PAIRS];
    let ways = ways.into_iter().flat_map(|way| [&way.sample, &way.matches]);
    ways.chain(OF_FOUND.into_iter().flatten()).chain([&BY_RELEVANCE, &STRIDE, &FOLD]).collect()
}

/// What is looked for, as an index is asked for it and as tasks are looked
/// through.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) through_index: Matcher,
    pub(crate) among_newest: Matcher,
}

type Param<'a> = &'a (dyn ToSql + Sync);

impl Search {
    /// What [`BY_RELEVANCE`] ranks by.
    pub(super) fn ranking(&self) -> [Param<'_>; 2] {
        [&self.among_newest.parts, &self.among_newest.words]
    }
}

/// The tasks that a list of `filter` is of, the newest first; `params` are those
/// of a list.
pub(super) async fn found(
    db: &mut impl Queries,
    search: &Search,
    params: &[Param<'_>],
    (filter, now): (&TaskFilter, Timestamp),
) -> Result<Vec<Uuid>, DbError> {
    let (key, id) = list::beginning(Sort::default());
    let mut params = params.to_vec();
    (params[13], params[14], params[15]) = (&key, &id, &FOUND_MAX);
    if let Some(found) = through_index(db, &search.through_index, &params).await? {
        return Ok(found);
    }
    params.push(&search.among_newest.must);
    let Some(few) = list::narrow(db, filter, (RELEVANCE, now)).await? else {
        return among_newest(db, params).await;
    };
    let rows = db.rows(few.searched, &params).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Those that an index names, unless they are many.
async fn through_index(
    db: &mut impl Queries,
    matcher: &Matcher,
    params: &[Param<'_>],
) -> Result<Option<Vec<Uuid>>, DbError> {
    let index: &'static Index = match matcher.way {
        Way::Parts => &BY_PARTS,
        Way::Starts => &BY_STARTS,
        Way::Pairs => &BY_PAIRS,
        Way::Newest => return Ok(None),
    };
    let pieces = matcher.pieces();
    let sampled = db.row(&index.sample, &[&matcher.key, &matcher.second, &pieces.patterns]).await?;
    let is_long = |row: &Row| {
        row.get::<_, i64>(0) >= index.many_min
            || pieces.rarest(&row.get::<_, Vec<i64>>(1)) >= PIECES_MIN
    };
    if sampled.as_ref().is_some_and(is_long) {
        return Ok(None);
    }
    let mut params = params.to_vec();
    params.extend_from_slice(&[&matcher.key, &matcher.second, &matcher.must]);
    Ok(db.row(&index.matches, &params).await?.and_then(|row| row.get(0)))
}

/// Those of the newest tasks, in strides.
async fn among_newest(db: &mut impl Queries, params: Vec<Param<'_>>) -> Result<Vec<Uuid>, DbError> {
    let (mut found, mut from) = (Vec::new(), None::<Place>);
    for _ in 0..STRIDES_MAX {
        let wanted = FOUND_MAX - i64::try_from(found.len()).unwrap_or(FOUND_MAX);
        let mut params = params.clone();
        if let Some((key, id)) = &from {
            (params[13], params[14]) = (key, id);
        }
        params[15] = &wanted;
        let rows = db.rows(&STRIDE, &params).await?;
        found.extend(rows.iter().map(|row| row.get::<_, Uuid>(0)));
        if i64::try_from(rows.len()).is_ok_and(|count| count == wanted) {
            break;
        }
        let Some(end) = walk::end_of_newest(db, &params[13..15]).await? else { break };
        from = Some(end);
    }
    Ok(found)
}

/// The statement that lists what was found, in an order.
pub(super) fn statement(sort: Sort) -> &'static Sql {
    match sort.key {
        SortKey::Relevance => &BY_RELEVANCE,
        key => OF_FOUND[place_of(key)][usize::from(sort.descending)],
    }
}

/// The words as the indexed texts are written: without accents, in small
/// letters.
pub(crate) async fn fold(db: &mut impl Queries, words: &[String]) -> Result<Vec<String>, DbError> {
    let rows = db.rows(&FOLD, &[&words]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

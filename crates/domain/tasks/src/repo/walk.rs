//! Lists that walk along an index in the order of the list, passing over what
//! does not fit.
//!
//! How far it is to a full page nobody knows beforehand: what is asked for may
//! be rare, or stand at the other end. So a statement goes one stride and says
//! where it stopped, and as many follow as it takes; none of them is long, and
//! others come between.

use postgres_types::ToSql;
use sayso_db::{DbError, Queries, Sql};
use sayso_kernel::page;

use super::list::{Listed, Orders, Place, fits, from_place, orders, place_of};
use super::{COLUMNS, columns, in_sight, reports, task};
use crate::filter::{Sort, TaskFilter};

/// Strides for one page. What stands further is left for the next one, and the
/// page may be short, or empty, and yet not the last.
const STRIDES_MAX: usize = 400;

/// What fits among the next 5,000 tasks, which are few enough to be looked at
/// in some milliseconds. It ends early when the page is full.
macro_rules! stride {
    ($name:expr, $filter:expr, $key:literal, $type:literal, $order:literal, $compare:literal) => {
        Sql::new(
            $name,
            concat!(
                "WITH ",
                reports!(),
                " SELECT ",
                columns!(),
                ", t.order_key::text
                 FROM (SELECT t.*, ",
                $key,
                " AS order_key FROM tasks t WHERE t.deleted_at IS NULL",
                $filter,
                " AND ",
                from_place!($key, $type, $order, $compare),
                " LIMIT 5000) t
                 WHERE ",
                fits!(),
                " ORDER BY t.order_key ",
                $order,
                ", t.id ",
                $order,
                " LIMIT $16"
            ),
        )
    };
}

/// Where the stride from `$1` and `$2` on ends, unless the list does before; in
/// the one channel of `$3`, where it is one of a channel. Only who found too
/// little asks.
macro_rules! end {
    ($name:expr, $filter:expr, $key:literal, $type:literal, $order:literal, $compare:literal) => {
        Sql::new(
            $name,
            concat!(
                "SELECT (",
                $key,
                ")::text, t.id FROM tasks t WHERE t.deleted_at IS NULL",
                $filter,
                " AND (",
                $key,
                ", t.id) ",
                $compare,
                " ($1::text::",
                $type,
                ", $2::uuid) ORDER BY ",
                $key,
                " ",
                $order,
                ", t.id ",
                $order,
                " LIMIT 1 OFFSET 4999"
            ),
        )
    };
}

const ALL: Orders = orders!(stride, "tasks.list", "");
const ENDS: Orders = orders!(end, "tasks.stride", "");

/// The newest tasks of a channel stand in its index in the order of the list.
const NEWEST_OF_CHANNEL: &Sql = &stride!(
    "tasks.list_newest_of_channel",
    " AND t.channel_id = ($7::uuid[])[1]",
    "t.created_at",
    "timestamptz",
    "DESC",
    "<"
);
const END_OF_CHANNEL: &Sql = &end!(
    "tasks.stride_newest_of_channel",
    " AND t.channel_id = ($3::uuid[])[1]",
    "t.created_at",
    "timestamptz",
    "DESC",
    "<"
);

/// How much of the table has the values, by what the planner knows of them,
/// and how large the table is. Where all must be there, it is the share of the
/// rarest, and a value that the planner has not noticed is rare; where any will
/// do, it is the sum, and such a value has the share of those not noticed.
const SHARE: Sql = Sql::new(
    "tasks.share",
    "SELECT c.reltuples::float8, coalesce((
         SELECT CASE WHEN $3 THEN sum(coalesce(k.share, s.rest))
                     ELSE min(coalesce(k.share, 0)) END
         FROM (
             SELECT known.*, (1 - null_frac - coalesce((SELECT sum(f) FROM unnest(shares) f), 0))
                 / greatest(CASE WHEN n_distinct < 0 THEN -n_distinct * c.reltuples
                                 ELSE n_distinct END - coalesce(cardinality(shares), 0), 1) AS rest
             FROM (
                 SELECT coalesce(most_common_elems, most_common_vals)::text::text[] AS common,
                        coalesce(most_common_elem_freqs, most_common_freqs) AS shares,
                        null_frac, n_distinct
                 FROM pg_stats WHERE schemaname = c.relnamespace::regnamespace::text
                     AND tablename = c.relname AND attname = $1) known) s
         CROSS JOIN (SELECT DISTINCT unnest($2::text[])) AS asked (value)
         LEFT JOIN LATERAL unnest(s.common, s.shares) AS k (value, share)
             ON k.value = asked.value), 0)::float8
     FROM pg_class c WHERE c.oid = to_regclass('tasks')",
);

/// The statements of this file.
pub(super) fn all() -> Vec<&'static Sql> {
    let rest = [NEWEST_OF_CHANNEL, END_OF_CHANNEL, &SHARE];
    ALL.into_iter().chain(ENDS).flatten().chain(rest).collect()
}

/// Which of several values a task is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    Any,
}

/// Whether walking finds a page sooner than sorting all that has the values.
/// Of n tasks of which a share s fits, a page of p is found after p / s looks,
/// and there are s * n to be sorted.
pub(super) async fn is_shorter(
    db: &mut impl Queries,
    column: &str,
    wanted: Wanted,
    values: &[String],
) -> Result<bool, DbError> {
    let row = db.row(&SHARE, &[&column, &values, &(wanted == Wanted::Any)]).await?;
    let (rows, share) = row.map_or((0.0, 0.0), |row| (row.get::<_, f64>(0), row.get::<_, f64>(1)));
    Ok(share * share * rows > f64::from(page::LIMIT_MAX))
}

/// A way along an order.
pub(super) struct Walk {
    stride: &'static Sql,
    end: &'static Sql,
    is_of_channel: bool,
}

/// Whether a list is that of the newest tasks of one channel.
pub(super) fn is_newest_of_channel(filter: &TaskFilter, sort: Sort) -> bool {
    sort == Sort::default() && filter.channel_id.as_ref().is_some_and(|all| all.len() == 1)
}

/// The way along the order of a list.
pub(super) fn walk(filter: &TaskFilter, sort: Sort) -> Walk {
    if is_newest_of_channel(filter, sort) {
        return Walk { stride: NEWEST_OF_CHANNEL, end: END_OF_CHANNEL, is_of_channel: true };
    }
    let [stride, end] =
        [ALL, ENDS].map(|orders| orders[place_of(sort.key)][usize::from(sort.descending)]);
    Walk { stride, end, is_of_channel: false }
}

/// Where the stride of the newest tasks from a place on ends, unless they do
/// before.
pub(super) async fn end_of_newest(
    db: &mut impl Queries,
    from: &[&(dyn ToSql + Sync)],
) -> Result<Option<Place>, DbError> {
    let sort = Sort::default();
    let end = ENDS[place_of(sort.key)][usize::from(sort.descending)];
    Ok(db.row(end, from).await?.map(|row| (row.get(0), row.get(1))))
}

/// Strides until there are `limit` tasks, from the place that the parameters
/// of a list name.
pub(super) async fn along(
    db: &mut impl Queries,
    walk: Walk,
    params: &[&(dyn ToSql + Sync)],
    limit: i64,
) -> Result<Listed, DbError> {
    let (mut found, mut from) = (Vec::new(), None::<Place>);
    for _ in 0..STRIDES_MAX {
        let wanted = limit - i64::try_from(found.len()).unwrap_or(limit);
        let mut params = params.to_vec();
        if let Some((key, id)) = &from {
            (params[13], params[14]) = (key, id);
        }
        params[15] = &wanted;
        let rows = db.rows(walk.stride, &params).await?;
        found.extend(rows.iter().map(|row| (task(row), row.get(COLUMNS))));
        if i64::try_from(rows.len()).is_ok_and(|count| count == wanted) {
            return Ok(Listed { rows: found, beyond: None });
        }
        let place = [params[13], params[14], params[6]];
        let place = if walk.is_of_channel { &place[..] } else { &place[..2] };
        let Some(row) = db.row(walk.end, place).await? else {
            return Ok(Listed { rows: found, beyond: None });
        };
        from = Some((row.get(0), row.get(1)));
    }
    Ok(Listed { rows: found, beyond: from })
}

#[cfg(test)]
mod tests {
    use sayso_testkit::TestDatabase;

    use super::*;

    #[tokio::test]
    async fn walking_is_shorter_for_what_many_have_once_the_planner_knows() {
        let database = TestDatabase::new().await;
        let client = database.superuser().await;
        let made = "SET session_replication_role = replica;
            INSERT INTO tasks (id, title, tags, blocked, created_by, created_at, updated_at)
            SELECT gen_random_uuid(), 'x', CASE WHEN n % 4 = 0 THEN '{many}'::text[]
                   WHEN n % 100 = 1 THEN '{some}' WHEN n = 3 THEN '{one}' ELSE '{}' END,
                   n % 3 = 0, gen_random_uuid(), now(), now()
            FROM generate_series(1, 4000) AS n";
        client.batch_execute(made).await.expect("made");
        let mut db = database.db().read();
        let mut asked = async |column: &str, wanted: Wanted, values: &[&str]| {
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            is_shorter(&mut db, column, wanted, &values).await.expect("asked")
        };

        assert!(!asked("tags", Wanted::All, &["many"]).await);
        client.batch_execute("ANALYZE tasks").await.expect("told");
        assert!(asked("tags", Wanted::All, &["many"]).await);
        assert!(asked("blocked", Wanted::Any, &["t"]).await);
        let made_by = "SELECT created_by::text FROM tasks LIMIT 100";
        let people = client.query(made_by, &[]).await.expect("told");
        let people: Vec<String> = people.iter().map(|row| row.get(0)).collect();
        let people: Vec<&str> = people.iter().map(String::as_str).collect();
        assert!(!asked("created_by", Wanted::Any, &people).await);
        for rare in [&["some"][..], &["one"], &["nowhere"], &["many", "some"], &["many", "nowhere"]]
        {
            assert!(!asked("tags", Wanted::All, rare).await, "{rare:?}");
        }
    }
}

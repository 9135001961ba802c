//! The table `audit_log`, read only.
//!
//! A list is asked in the order of the chain, the newest first. It comes
//! through the index of the filter that leaves the fewest entries, which is
//! chosen here and not left to a plan that is made for all questions at once.
//!
//! The chain grows for ever, and what is asked for may be rare: a statement
//! looks at a stride of the entries that the index leads to, and says how far
//! it came, so none takes longer as the chain grows. A list that has not found
//! its page after all strides ends early, and goes on from there when asked.

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql};
use sayso_kernel::Timestamp;

use crate::model::{Entry, Filter};

/// Entries that the statements of one list look at, one after the other: most
/// lists are full after a few, and one look for what is rare is a long one.
const STRIDES: [i64; 12] = [200, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000];
/// Entries are chained in the order of the log, in which they stand by their
/// own time but for what clocks differ and requests take: never by so much.
const DISORDER_MAX: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// A stride of the entries that have a value, newest first. It is a range of an
/// index over both, written as one: where it says "equal", the plan may be to
/// walk the chain until enough have it.
macro_rules! stride {
    ($column:expr, $value:literal) => {
        concat!(
            "SELECT a.* FROM audit_log a WHERE ",
            $column,
            " IS NOT NULL AND (",
            $column,
            ", a.seq) < (",
            $value,
            ", $9) AND (",
            $column,
            ", a.seq) >= (",
            $value,
            ", $10) ORDER BY ",
            $column,
            " DESC, a.seq DESC LIMIT $11"
        )
    };
}

/// A list through the ways in of `$looked`, which have a name each; where one
/// has more than its stride, nothing is answered from beyond the nearest end.
macro_rules! list {
    ($name:literal, $looked:expr) => {
        Sql::new(
            $name,
            concat!(
                "WITH looked AS MATERIALIZED (",
                $looked,
                "), ended AS (
                     SELECT max(w.last) AS seq
                     FROM (SELECT min(seq) AS last FROM looked GROUP BY way HAVING count(*) = $11) w
                 )
                 SELECT ended.seq, e.* FROM ended LEFT JOIN LATERAL (
                     SELECT DISTINCT ON (a.seq) a.seq, a.at, a.action, a.actor_id,
                            a.subject_type, a.subject_id, a.entry, encode(a.hash, 'hex')
                     FROM looked a
                     WHERE (ended.seq IS NULL OR a.seq >= ended.seq)
                       AND ($1::uuid[] IS NULL OR a.actor_id = ANY ($1))
                       AND ($2::text[] IS NULL OR a.action = ANY ($2))
                       AND ($3::text IS NULL OR a.subject_type = $3)
                       AND ($4::uuid IS NULL OR a.subject_id = $4)
                       AND ($5::timestamptz IS NULL OR a.at >= $5)
                       AND ($6::timestamptz IS NULL OR a.at < $6)
                       AND ($7::text IS NULL OR ",
                correlation!(),
                " = $7)
                       AND ($8::text IS NULL OR ",
                session!(),
                " = $8 OR (a.subject_type = 'session' AND a.subject_id = $8::uuid))
                     ORDER BY a.seq DESC LIMIT $12
                 ) e ON true"
            ),
        )
    };
}

/// The same, of each of several values, or of one.
macro_rules! list_of {
    (each $values:literal in $name:literal, $column:expr) => {
        list!(
            $name,
            concat!(
                "SELECT v.way, x.* FROM (SELECT DISTINCT unnest(",
                $values,
                ")) v(way) CROSS JOIN LATERAL (",
                stride!($column, "v.way"),
                ") x"
            )
        )
    };
    ($value:literal in $name:literal, $column:expr) => {
        list!($name, concat!("SELECT 0 AS way, x.* FROM (", stride!($column, $value), ") x"))
    };
}

/// The request in the text of an entry. Entries are JSON written by us, whose
/// keys come in order, and in whose texts every quotation mark is escaped; the
/// details, which may hold keys of a client, come after it. The index is over
/// these very words, which cost a fifth of a regular expression.
macro_rules! correlation {
    () => {
        "left(split_part(a.entry, '\"correlationId\":\"', 2), 36)"
    };
}

/// The session, likewise: the last one, for the details come before it.
macro_rules! session {
    () => {
        "left(split_part(a.entry, '\"sessionId\":\"', -1), 36)"
    };
}

const OF_ALL: Sql = list!(
    "audit.list",
    "SELECT 0 AS way, x.* FROM (
         SELECT a.* FROM audit_log a WHERE a.seq < $9 AND a.seq >= $10 ORDER BY a.seq DESC LIMIT $11
     ) x"
);
const OF_ACTORS: Sql = list_of!(each "$1::uuid[]" in "audit.list_of_actors", "a.actor_id");
const OF_ACTIONS: Sql = list_of!(each "$2::text[]" in "audit.list_of_actions", "a.action");
const OF_SUBJECT: Sql = list_of!("$4" in "audit.list_of_subject", "a.subject_id");
const OF_CORRELATION: Sql = list_of!("$7" in "audit.list_of_correlation", correlation!());
// A session is named in the text of what was done in it, and is what others are
// about; an entry that is both is found twice, and told once.
const OF_SESSION: Sql = list!(
    "audit.list_of_session",
    concat!(
        "SELECT 0 AS way, x.* FROM (",
        stride!(session!(), "$8"),
        ") x UNION ALL SELECT 1, x.* FROM (",
        stride!("a.subject_id", "$8::uuid"),
        ") x"
    )
);

/// The first entries that are as old as a moment or younger: the last place
/// that is before them for sure, and the first that is not. The chain is halved
/// until they meet; where an entry is missing they do not, and all between them
/// is looked at.
const PLACE: Sql = Sql::new(
    "audit.place",
    "WITH RECURSIVE half (low, high) AS (
         SELECT 0::bigint, coalesce((SELECT seq FROM audit_log ORDER BY seq DESC LIMIT 1), 0) + 1
         UNION ALL
         SELECT CASE WHEN a.at < $1 THEN a.seq ELSE h.low END,
                CASE WHEN a.at < $1 THEN h.high ELSE a.seq END
         FROM half h JOIN audit_log a ON a.seq = (h.low + h.high) / 2
         WHERE h.high - h.low > 1
     )
     SELECT max(low), min(high) FROM half",
);

/// The statements of this crate.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    vec![&OF_ALL, &OF_ACTORS, &OF_ACTIONS, &OF_SUBJECT, &OF_CORRELATION, &OF_SESSION, &PLACE]
}

/// The way in, and among how many values a stride is divided.
fn way(filter: &Filter) -> (&'static Sql, usize) {
    if filter.correlation_id.is_some() {
        (&OF_CORRELATION, 1)
    } else if filter.subject_id.is_some() {
        (&OF_SUBJECT, 1)
    } else if filter.session.is_some() {
        (&OF_SESSION, 2)
    } else if let Some(actors) = &filter.actors {
        (&OF_ACTORS, actors.len())
    } else if let Some(actions) = &filter.actions {
        (&OF_ACTIONS, actions.len())
    } else {
        (&OF_ALL, 1)
    }
}

/// What a list found.
pub(crate) struct Found {
    /// The entries, `limit` at the most.
    pub(crate) entries: Vec<Entry>,
    /// Before which entry there may be more; `None` at the end.
    pub(crate) before: Option<i64>,
}

/// The entries before `before`, or the newest; `limit` at the most, and fewer
/// where they are rare.
pub(crate) async fn list(
    db: &mut impl Queries,
    filter: &Filter,
    before: Option<i64>,
    limit: usize,
) -> Result<Found, DbError> {
    let correlation = filter.correlation_id.map(|id| id.to_string());
    let session = filter.session.map(|id| id.to_string());
    let (sql, ways) = way(filter);
    let (first, end) = window(db, filter).await?;
    let mut found = Found { entries: Vec::new(), before: Some(before.unwrap_or(end).min(end)) };
    for stride in STRIDES {
        let Some(before) = found.before else { break };
        let wanted = i64::try_from(limit + 1 - found.entries.len()).unwrap_or(i64::MAX);
        let stride = (stride / i64::try_from(ways).unwrap_or(1).max(1)).max(1);
        let rows = db
            .rows(
                sql,
                &[
                    &filter.actors,
                    &filter.actions,
                    &filter.subject_type,
                    &filter.subject_id,
                    &filter.from,
                    &filter.to,
                    &correlation,
                    &session,
                    &before,
                    &first,
                    &stride,
                    &wanted,
                ],
            )
            .await?;
        found.before = rows.first().and_then(|row| row.get(0));
        found.entries.extend(rows.iter().filter_map(entry));
        if found.entries.len() > limit {
            found.entries.truncate(limit);
            found.before = found.entries.last().map(|entry| entry.seq);
            break;
        }
    }
    Ok(found)
}

/// The part of the chain that can hold entries of a filter's time.
async fn window(db: &mut impl Queries, filter: &Filter) -> Result<(i64, i64), DbError> {
    let (mut first, mut end) = (0, i64::MAX);
    if let Some(from) = filter.from {
        let from = from.checked_sub(DISORDER_MAX).unwrap_or(Timestamp::MIN);
        first = place(db, from).await?.0;
    }
    if let Some(to) = filter.to {
        let to = to.checked_add(DISORDER_MAX).unwrap_or(Timestamp::MAX);
        end = place(db, to).await?.1;
    }
    Ok((first, end))
}

async fn place(db: &mut impl Queries, at: Timestamp) -> Result<(i64, i64), DbError> {
    let row = db.row(&PLACE, &[&at]).await?;
    Ok(row.map_or((0, i64::MAX), |row| (row.get(0), row.get(1))))
}

/// The entry of a row; a row alone says that there was none.
fn entry(row: &Row) -> Option<Entry> {
    Some(Entry {
        seq: row.get::<_, Option<i64>>(1)?,
        at: row.get(2),
        action: row.get(3),
        actor_id: row.get::<_, Option<UserId>>(4),
        subject_type: row.get(5),
        subject_id: row.get(6),
        recorded: row.get(7),
        hash: row.get(8),
    })
}

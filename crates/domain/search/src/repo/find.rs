//! The statements that find, and the one function that runs them.

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql};
use sayso_kernel::matcher::{Matcher, Way};
use uuid::Uuid;

use crate::model::{Bounds, Findings, Found, Kind, RANKED_MAX, SCANNED_MAX};

/// Names the types of all parameters, so that a statement may leave some
/// unused, and the people and channels on which sight rests.
macro_rules! opening {
    () => {
        "WITH RECURSIVE parameters AS (
             SELECT $1::uuid, $2::text[], $3::text[], $6::uuid[], $7::uuid[], $16::text[]
         ), reports AS (
             SELECT id FROM users WHERE manager_id = $1
             -- OFFSET 0 keeps this a look into the index for each of them.
             UNION SELECT u.id FROM reports r CROSS JOIN LATERAL (
                 SELECT id FROM users WHERE manager_id = r.id OFFSET 0) u
         ), line AS MATERIALIZED (
             SELECT coalesce(array_agg(id), '{}') AS ids FROM reports
         ), mine AS MATERIALIZED (
             SELECT m.channel_id FROM channel_members m
             JOIN channels c ON c.id = m.channel_id AND c.deleted_at IS NULL
             WHERE m.user_id = $1 AND ($7::uuid[] IS NULL OR m.channel_id = ANY ($7))
         ), "
    };
}

/// A statement that finds among `$from`, called `x`, of which `$head` is the
/// text that counts most and `$shown` what a snippet is cut from.
macro_rules! find {
    ($name:expr, $from:expr, $fits:expr, $head:expr, $shown:expr, $scanned:expr) => {
        Sql::new(
            $name,
            concat!(
                opening!(),
                "found AS MATERIALIZED (
                     SELECT x.id, x.search_text AS body, ",
                $head,
                " AS head, ",
                $shown,
                " AS shown FROM ",
                $from,
                " WHERE x.deleted_at IS NULL AND ",
                $fits,
                "
                       AND x.search_text ~ ALL ($4::text[])
                       AND NOT x.search_text ~ ANY ($5::text[])
                       AND ($8::timestamptz IS NULL OR x.created_at >= $8)
                       AND ($9::timestamptz IS NULL OR x.created_at < $9)
                     ORDER BY x.created_at DESC, x.id DESC LIMIT 2000
                 ), ranked AS (
                     SELECT f.id, f.body, f.shown, (
                         SELECT coalesce(sum(CASE WHEN f.head ~ t.word THEN 1000
                                                  WHEN f.head LIKE t.part THEN 700
                                                  WHEN f.body ~ t.word THEN 500
                                                  WHEN f.body LIKE t.part THEN 300
                                                  ELSE 0 END) / count(*), 0)::int
                         FROM unnest($10::text[], $11::text[]) AS t(part, word)) AS score
                     FROM found f
                 )
                 SELECT (SELECT count(*) FROM found), ",
                $scanned,
                ", hit.id, hit.score, strpos(hit.body, $12::text),
                        substr(hit.shown, greatest(1, strpos(hit.body, $12) - 60), 200)
                 FROM (SELECT) always LEFT JOIN LATERAL (
                     SELECT * FROM ranked r
                     WHERE $13::int IS NULL OR (r.score, r.id) < ($13, $14::uuid)
                     ORDER BY r.score DESC, r.id DESC LIMIT $15
                 ) hit ON true
                 ORDER BY hit.score DESC, hit.id DESC"
            ),
        )
    };
}

/// The ways into one kind, in the order parts, starts, pairs, newest. `$all`
/// is its table, `$newest` the newest of it that are looked at one by one.
macro_rules! ways {
    ($kind:literal, $all:literal, $newest:literal, $fits:expr, $head:literal, $shown:literal) => {
        [
            &find!(
                concat!("search.", $kind, "_by_parts"),
                concat!($all, " x"),
                concat!("x.search_text LIKE ANY ($2) AND x.search_text LIKE ANY ($3) AND ", $fits),
                $head,
                $shown,
                "0::bigint"
            ),
            &find!(
                concat!("search.", $kind, "_by_starts"),
                concat!($all, " x"),
                concat!("(x.search_text ~ ANY ($2) OR x.search_text %> ANY ($3)) AND ", $fits),
                $head,
                $shown,
                "0::bigint"
            ),
            &find!(
                concat!("search.", $kind, "_by_pairs"),
                concat!($all, " x"),
                concat!("x.search_grams @> $2 AND ", $fits),
                $head,
                $shown,
                "0::bigint"
            ),
            &find!(
                concat!("search.", $kind, "_by_newest"),
                concat!("(SELECT n.* ", $newest, " LIMIT 4000) x"),
                $fits,
                $head,
                $shown,
                concat!("(SELECT count(*) FROM (SELECT 1 ", $newest, " LIMIT 4000) looked_at)")
            ),
        ]
    };
}

const TASKS: [&Sql; 4] = ways!(
    "tasks",
    "tasks",
    "FROM tasks n WHERE n.deleted_at IS NULL ORDER BY n.created_at DESC, n.id DESC",
    // What stands in a deleted channel went out of sight with it.
    "(x.channel_id IN (SELECT d.id FROM channels d WHERE d.deleted_at IS NOT NULL)) IS NOT TRUE
     AND (x.created_by = $1 OR x.assigned_to @> ARRAY[$1]
      OR x.channel_id IN (SELECT c.id FROM channels c WHERE c.kind = 'public'
                          UNION ALL SELECT channel_id FROM mine)
      OR (x.channel_id IS NULL AND (x.created_by = ANY ((SELECT ids FROM line)::uuid[])
                                    OR x.assigned_to && (SELECT ids FROM line))))
     AND ($6 IS NULL OR x.created_by = ANY ($6))
     AND ($7 IS NULL OR x.channel_id = ANY ($7))
     AND ($16 IS NULL OR x.status = ANY ($16))",
    "left(x.search_text, char_length(x.title))",
    "x.title || ' ' || x.description"
);

const MESSAGES: [&Sql; 4] = ways!(
    "messages",
    "messages",
    // As many of each channel, so that a quiet one is not drowned by a loud one.
    "FROM mine CROSS JOIN LATERAL (
         SELECT * FROM messages m WHERE m.channel_id = mine.channel_id AND m.deleted_at IS NULL
         ORDER BY m.created_at DESC, m.id DESC
         LIMIT (SELECT greatest(20, 4000 / greatest(1, count(*))) FROM mine)) n",
    // IS TRUE keeps the index of channels out of it: the planner does not know
    // how loud they are, and would collect a million messages to find a few.
    "(x.channel_id = ANY ((SELECT array_agg(channel_id) FROM mine)::uuid[])) IS TRUE
     AND ($6 IS NULL OR x.sender_id = ANY ($6))",
    "x.search_text",
    "x.content"
);

const CHANNELS: [&Sql; 4] = ways!(
    "channels",
    "channels",
    "FROM channels n WHERE n.deleted_at IS NULL ORDER BY n.created_at DESC, n.id DESC",
    "(x.kind = 'public' OR x.id IN (SELECT channel_id FROM mine))
     AND ($6 IS NULL OR x.created_by = ANY ($6))",
    "left(x.search_text, char_length(x.name))",
    "coalesce(x.name, '') || ' ' || x.description"
);

const USERS: [&Sql; 4] = ways!(
    "users",
    "users",
    "FROM users n WHERE n.deleted_at IS NULL ORDER BY n.created_at DESC, n.id DESC",
    "true",
    "left(x.search_text, char_length(x.name))",
    "x.name || ' ' || coalesce(x.email, '')"
);

/// The statements of this file.
pub(super) fn all() -> Vec<&'static Sql> {
    let mut all = [TASKS, MESSAGES, CHANNELS, USERS].concat();
    all.extend_from_slice(&[&SAMPLE_OF_TASKS, &SAMPLE_OF_MESSAGES]);
    all
}

const fn statement(kind: Kind, way: Way) -> &'static Sql {
    let ways = match kind {
        Kind::Task => TASKS,
        Kind::Message => MESSAGES,
        Kind::Channel => CHANNELS,
        Kind::User => USERS,
    };
    match way {
        Way::Parts => ways[0],
        Way::Starts => ways[1],
        Way::Pairs => ways[2],
        Way::Newest => ways[3],
    }
}

/// How many of the newest entries of a kind are looked at to see how common a
/// term is.
const SAMPLE: i64 = 1000;
/// From how many of those on a term is common: its index would name so many
/// entries that looking at the newest ones is quicker.
const COMMON_MIN: i64 = 8;

macro_rules! sample {
    ($name:literal, $table:literal) => {
        Sql::new(
            $name,
            concat!(
                "SELECT count(*), count(*) FILTER (WHERE
                     CASE $1 WHEN 'parts' THEN s.search_text LIKE ANY ($2::text[])
                                               AND s.search_text LIKE ANY ($3::text[])
                             WHEN 'starts' THEN s.search_text ~ ANY ($2)
                             ELSE s.search_grams @> $2 END)
                 FROM (SELECT search_text, search_grams FROM ",
                $table,
                " WHERE deleted_at IS NULL ORDER BY id DESC LIMIT 1000) s"
            ),
        )
    };
}

const SAMPLE_OF_TASKS: Sql = sample!("search.sample_of_tasks", "tasks");
const SAMPLE_OF_MESSAGES: Sql = sample!("search.sample_of_messages", "messages");

/// Whether so many entries fit that the index is of no use.
pub(crate) async fn is_common(
    mut db: impl Queries,
    kind: Kind,
    matcher: &Matcher,
) -> Result<bool, DbError> {
    let way = match matcher.way {
        Way::Parts => "parts",
        Way::Starts => "starts",
        Way::Pairs => "pairs",
        Way::Newest => return Ok(false),
    };
    let sql = match kind {
        Kind::Task => &SAMPLE_OF_TASKS,
        Kind::Message => &SAMPLE_OF_MESSAGES,
        Kind::Channel | Kind::User => return Ok(false),
    };
    let row = db.row(sql, &[&way, &matcher.key, &matcher.second]).await?;
    Ok(row.is_some_and(|row| row.get::<_, i64>(0) >= SAMPLE && row.get::<_, i64>(1) >= COMMON_MIN))
}

/// What is asked of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Who asks.
    pub reader: UserId,
    /// For what.
    pub matcher: &'a Matcher,
    /// Within which bounds.
    pub bounds: &'a Bounds,
    /// After which score and id.
    pub after: Option<(i32, Uuid)>,
    /// How many at the most.
    pub limit: i64,
}

/// The best of one kind after the cursor.
pub(crate) async fn find(
    mut db: impl Queries,
    kind: Kind,
    asked: Asked<'_>,
) -> Result<Findings, DbError> {
    let Asked { reader, matcher, bounds, after, limit } = asked;
    let (score, id) = after.unzip();
    let rows = db
        .rows(
            statement(kind, matcher.way),
            &[
                &reader,
                &matcher.key,
                &matcher.second,
                &matcher.must,
                &matcher.none,
                &bounds.people,
                &bounds.channels,
                &bounds.after,
                &bounds.before,
                &matcher.parts,
                &matcher.words,
                &matcher.first,
                &score,
                &id,
                &limit,
                &bounds.status,
            ],
        )
        .await?;
    let count = |at: usize| rows.first().map_or(0, |row| row.get::<_, i64>(at));
    let (considered, scanned) = (count(0), count(1));
    Ok(Findings {
        found: rows.iter().filter_map(|row| found(kind, row)).collect(),
        considered,
        capped: considered >= RANKED_MAX || scanned >= SCANNED_MAX,
    })
}

/// The row that only counts has no id.
fn found(kind: Kind, row: &Row) -> Option<Found> {
    let id: Uuid = row.get::<_, Option<Uuid>>(2)?;
    let (place, piece): (i32, &str) = (row.get(4), row.get(5));
    Some(Found { kind, id, score: row.get(3), snippet: crate::snippet::of(place, piece) })
}

//! The statements that find, within a window of time.

use sayso_db::Sql;
use sayso_kernel::matcher::Way;

use crate::model::Kind;

/// Of a task: what is kept of it while it is looked at, whether it fits the
/// bounds of the question and the reader sees it, the part of its text that
/// counts most, and what a snippet is cut from.
macro_rules! task {
    (columns) => {
        "x.title, x.channel_id, x.created_by, x.assigned_to, x.status"
    };
    (fits) => {
        // What stands in a deleted channel went out of sight with it.
        "(x.channel_id IN (SELECT d.id FROM channels d WHERE d.deleted_at IS NOT NULL)) IS NOT TRUE
         AND (x.created_by = $1 OR x.assigned_to @> ARRAY[$1]
          OR x.channel_id IN (SELECT c.id FROM channels c WHERE c.kind = 'public'
                              UNION ALL SELECT channel_id FROM mine)
          OR (x.channel_id IS NULL AND (x.created_by = ANY ((SELECT ids FROM line)::uuid[])
                                        OR x.assigned_to && (SELECT ids FROM line))))
         AND ($6 IS NULL OR x.created_by = ANY ($6))
         AND ($7 IS NULL OR x.channel_id = ANY ($7))
         AND ($16 IS NULL OR x.status = ANY ($16))"
    };
    (head) => {
        "left(x.search_text, char_length(x.title))"
    };
    (shown) => {
        "x.title || ' ' || x.description"
    };
}

/// The same of a message,
macro_rules! message {
    (columns) => {
        "x.channel_id, x.sender_id"
    };
    (fits) => {
        "x.channel_id = ANY ((SELECT array_agg(channel_id) FROM mine)::uuid[])
         AND ($6 IS NULL OR x.sender_id = ANY ($6))"
    };
    (head) => {
        "x.search_text"
    };
    (shown) => {
        "x.content"
    };
}

/// of a channel,
macro_rules! channel {
    (columns) => {
        "x.name, x.kind, x.created_by"
    };
    (fits) => {
        "(x.kind = 'public' OR x.id IN (SELECT channel_id FROM mine))
         AND ($6 IS NULL OR x.created_by = ANY ($6))"
    };
    (head) => {
        "left(x.search_text, char_length(x.name))"
    };
    (shown) => {
        "coalesce(x.name, '') || ' ' || x.description"
    };
}

/// and of a person.
macro_rules! user {
    (columns) => {
        "x.name"
    };
    (fits) => {
        "true"
    };
    (head) => {
        "left(x.search_text, char_length(x.name))"
    };
    (shown) => {
        "x.name || ' ' || coalesce(x.email, '')"
    };
}

/// The window of time that is asked for, of an entry `$of`.
macro_rules! window {
    ($of:literal) => {
        concat!(
            $of,
            ".created_at >= coalesce($8::timestamptz, '-infinity') AND ",
            $of,
            ".created_at < coalesce($9::timestamptz, 'infinity')"
        )
    };
}

/// A statement that finds among `$from`, called `x`: looks at no more than
/// 6,000 entries that `$match` names, keeps those that fit the rest of the
/// question and that the reader sees, ranks the newest of them, and answers the
/// best after the cursor.
///
/// `$more` is what `$from` rests on, and `$whole` whether nothing was left
/// unseen. The first part names the types of all parameters, so that a statement
/// may leave some unused, and the people and channels on which sight rests.
macro_rules! find {
    ($name:expr, $kind:ident, $all:literal, $more:literal, $from:expr, $match:expr,
     $whole:literal) => {
        Sql::new(
            $name,
            concat!(
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
                 ), ",
                $more,
                "matched AS MATERIALIZED (
                     SELECT x.id, x.created_at, x.search_text, ",
                $kind!(columns),
                " FROM ",
                $from,
                " WHERE x.deleted_at IS NULL AND ",
                $match,
                "
                     -- Unordered: of too many, which they are does not matter.
                     LIMIT 6001
                 ), found AS MATERIALIZED (
                     SELECT x.id, x.search_text AS body, ",
                $kind!(head),
                " AS head FROM matched x
                     WHERE ",
                $kind!(fits),
                "
                       AND x.search_text ~ ALL ($4::text[])
                       AND NOT x.search_text ~ ANY ($5::text[])
                     ORDER BY x.created_at DESC, x.id DESC LIMIT $17
                 ), ranked AS MATERIALIZED (
                     SELECT f.id, f.body, (
                         SELECT coalesce(sum(CASE WHEN f.head ~ t.word THEN 1000
                                                  WHEN f.head LIKE t.part THEN 700
                                                  WHEN f.body ~ t.word THEN 500
                                                  WHEN f.body LIKE t.part THEN 300
                                                  ELSE 0 END) / count(*), 0)::int
                         FROM unnest($10::text[], $11::text[]) AS t(part, word)) AS score
                     FROM found f
                 )
                 SELECT (SELECT count(*) FROM found), (SELECT count(*) FROM matched), ",
                $whole,
                ", hit.id, hit.score, strpos(hit.body, $12::text), (
                     SELECT substr(",
                $kind!(shown),
                ", greatest(1, strpos(hit.body, $12) - 60), 200) FROM ",
                $all,
                " x WHERE x.id = hit.id)
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

/// Among what an index names. IS TRUE keeps the indexes by time out of it: the
/// planner does not know how long a window is, and would collect all entries.
macro_rules! indexed {
    ($name:expr, $kind:ident, $all:literal, $match:expr) => {
        find!(
            $name,
            $kind,
            $all,
            "",
            concat!($all, " x"),
            concat!($match, " AND (", window!("x"), ") IS TRUE"),
            "(SELECT count(*) <= 6000 FROM matched)"
        )
    };
}

/// The ways that an index leads, in the order parts, starts, pairs. `$end` is the
/// end of their names, and `$also` what else the indexes are asked.
macro_rules! ways {
    ($kind:ident, $all:literal, $end:literal, $also:literal) => {
        [
            &indexed!(
                concat!("search.", $all, "_by_parts", $end),
                $kind,
                $all,
                concat!("x.search_text LIKE ANY ($2) AND x.search_text LIKE ANY ($3)", $also)
            ),
            &indexed!(
                concat!("search.", $all, "_by_starts", $end),
                $kind,
                $all,
                concat!("(x.search_text ~ ANY ($2) OR x.search_text %> ANY ($3))", $also)
            ),
            &indexed!(
                concat!("search.", $all, "_by_pairs", $end),
                $kind,
                $all,
                concat!("x.search_grams @> $2", $also)
            ),
        ]
    };
}

/// Among the newest of a table that has one order for everybody.
macro_rules! newest {
    ($kind:ident, $all:literal) => {
        &find!(
            concat!("search.", $all, "_by_newest"),
            $kind,
            $all,
            "",
            concat!(
                "(SELECT n.* FROM ",
                $all,
                " n WHERE n.deleted_at IS NULL AND ",
                window!("n"),
                " ORDER BY n.created_at DESC, n.id DESC LIMIT 4000) x"
            ),
            "true",
            "(SELECT count(*) < 4000 FROM matched)"
        )
    };
}

type Ways = [&'static Sql; 3];

const TASKS: Ways = ways!(task, "tasks", "", "");
const MESSAGES: Ways = ways!(message, "messages", "", "");
const CHANNELS: Ways = ways!(channel, "channels", "", "");
const USERS: Ways = ways!(user, "users", "", "");

/// Those of messages know the week of each as well, and name no others.
const MESSAGES_OF_WEEKS: Ways = ways!(
    message,
    "messages",
    "_of_weeks",
    " AND ARRAY[date_trunc('week', x.created_at AT TIME ZONE 'UTC')::date] && $18::date[]"
);

const NEWEST_TASKS: &Sql = newest!(task, "tasks");
const NEWEST_CHANNELS: &Sql = newest!(channel, "channels");
const NEWEST_USERS: &Sql = newest!(user, "users");

/// All messages that the reader sees where those are few; else as many of each
/// channel, so that a quiet one is not drowned by a loud one.
const NEWEST_MESSAGES: &Sql = &find!(
    "search.messages_by_newest",
    message,
    "messages",
    "quota AS MATERIALIZED (
         SELECT count(*) <= 4000 AS is_whole,
                CASE WHEN count(*) <= 4000 THEN 4000
                ELSE greatest(20, 4000 / (SELECT count(*) FROM mine)) END AS each
         FROM (SELECT FROM mine CROSS JOIN LATERAL (
                   SELECT FROM messages m
                   WHERE m.channel_id = mine.channel_id AND m.deleted_at IS NULL LIMIT 4001) m
               LIMIT 4001) held
     ), ",
    concat!(
        "(SELECT n.* FROM mine CROSS JOIN LATERAL (
              SELECT * FROM messages m
              WHERE m.channel_id = mine.channel_id AND m.deleted_at IS NULL AND ",
        window!("m"),
        " ORDER BY m.created_at DESC, m.id DESC LIMIT (SELECT each FROM quota)) n) x"
    ),
    "true",
    "(SELECT is_whole FROM quota)"
);

/// The statements of this file.
pub(super) fn all() -> Vec<&'static Sql> {
    let mut all = [TASKS, MESSAGES, MESSAGES_OF_WEEKS, CHANNELS, USERS].concat();
    all.extend_from_slice(&[NEWEST_TASKS, NEWEST_MESSAGES, NEWEST_CHANNELS, NEWEST_USERS]);
    all
}

/// The one for a kind, a way in, and some weeks or all.
pub(super) const fn statement(kind: Kind, way: Way, is_of_weeks: bool) -> &'static Sql {
    let (ways, newest) = match kind {
        Kind::Task => (TASKS, NEWEST_TASKS),
        Kind::Message if is_of_weeks => (MESSAGES_OF_WEEKS, NEWEST_MESSAGES),
        Kind::Message => (MESSAGES, NEWEST_MESSAGES),
        Kind::Channel => (CHANNELS, NEWEST_CHANNELS),
        Kind::User => (USERS, NEWEST_USERS),
    };
    match way {
        Way::Parts => ways[0],
        Way::Starts => ways[1],
        Way::Pairs => ways[2],
        Way::Newest => newest,
    }
}

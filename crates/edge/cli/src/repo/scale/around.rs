//! Rows around the large tables of a company of any size: categories, what is
//! said about tasks, what they wait for, who was told, and what is in the trash.
//!
//! They are derived from the rows that are there already: a row's number is
//! read back from its id, of which only the time depends on when it is made.

use sayso_db::Sql;

/// A flat tree of each kind, made by the first person.
pub(super) const CATEGORIES: Sql = Sql::new(
    "scale.categories",
    sized!(
        ", kept AS (
             INSERT INTO scale_categories
             SELECT n, pg_temp.id(s.now - interval '720 days', n, 60),
                    CASE WHEN n <= 30 THEN 'task' ELSE 'channel' END
             FROM size s, generate_series(1, 40) AS n
             RETURNING *
         )
         INSERT INTO categories (id, name, color, kind, created_by, created_at, updated_at)
         SELECT k.id,
                (ARRAY['Greenhouse','Sensors','Büro','Verkauf','客户','Support','研究','Facturación',
                       'Réseau','Лаборатория'])[1 + k.n % 10] || ' ' || k.n,
                '#' || lpad(to_hex(pg_temp.h(k.n, 61) % 16777216), 6, '0'),
                k.kind, p.id, p.at, p.at
         FROM kept k CROSS JOIN size s JOIN scale_people p ON p.n = 1"
    ),
);

/// Each tenth task waits for, or goes with, one made a little earlier: no
/// circle can close.
pub(super) const DEPENDENCIES: Sql = Sql::new(
    "scale.dependencies",
    sized!(
        ", numbered AS (
             SELECT t.id, t.created_by, t.created_at, pg_temp.n(t.id) AS n,
                    lag(t.id, 1 + (pg_temp.n(t.id) % 40)::int) OVER (ORDER BY t.created_at, t.id)
                        AS other
             FROM tasks t
         )
         INSERT INTO task_dependencies (id, task_id, depends_on_id, type, created_by, created_at)
         SELECT pg_temp.id(t.created_at, t.n, 62), t.id, t.other,
                CASE WHEN t.n % 3 = 0 THEN 'relates' ELSE 'blocks' END, t.created_by, t.created_at
         FROM numbered t CROSS JOIN size s
         WHERE t.n % 10 = 0 AND t.other IS NOT NULL"
    ),
);

/// Whoever waits for a task that is open says so.
pub(super) const BLOCKED: Sql = Sql::new(
    "scale.blocked",
    sized!(
        "UPDATE tasks t SET blocked = true FROM size s
         WHERE t.status NOT IN ('done', 'cancelled') AND EXISTS (
             SELECT FROM task_dependencies d JOIN tasks b ON b.id = d.depends_on_id
             WHERE d.task_id = t.id AND d.type = 'blocks'
               AND b.status NOT IN ('done', 'cancelled'))"
    ),
);

pub(super) const COMMENTS: Sql = Sql::new(
    "scale.comments",
    sized!(
        "INSERT INTO task_comments (id, task_id, author_id, content, created_at, updated_at)
         SELECT pg_temp.id(x.at, x.n + k, 63), x.id, x.created_by,
                (ARRAY['Done on my side.','Can somebody look at this?','Noch nicht fertig.',
                       'これで大丈夫です','明天继续','It works on the old phone now.',
                       'See the letter from Graz.'])[1 + pg_temp.h(x.n + k, 64) % 7] || ' #' || k,
                x.at, x.at
         FROM (SELECT t.id, t.created_by, t.created_at + interval '1 hour' AS at,
                      pg_temp.n(t.id) AS n FROM tasks t) x
         CROSS JOIN size s CROSS JOIN LATERAL generate_series(1, x.n % 4) AS k
         WHERE x.n % 5 < 2"
    ),
);

pub(super) const HISTORY: Sql = Sql::new(
    "scale.history",
    sized!(
        "INSERT INTO task_history (id, task_id, at, actor_id, action, changes, version)
         SELECT pg_temp.id(t.updated_at, pg_temp.n(t.id), 65), t.id, t.updated_at, t.created_by,
                'updated', jsonb_build_array(jsonb_build_object(
                    'field', 'status', 'before', 'todo', 'after', t.status)), 2
         FROM tasks t CROSS JOIN size s WHERE t.status <> 'todo'"
    ),
);

/// Whoever was given a task was told; of the older ones most is read.
pub(super) const NOTIFICATIONS: Sql = Sql::new(
    "scale.notifications",
    sized!(
        "INSERT INTO notifications (id, user_id, type, title, resource_type, resource_id, fact_id,
                                    read_at, created_at)
         SELECT pg_temp.id(x.created_at, x.n + a.place, 66), a.id, 'task.assigned', x.title,
                'task', x.id, x.id,
                CASE WHEN x.n % 10 > 0 AND x.created_at < s.now - interval '2 days'
                     THEN x.created_at + interval '1 hour' END, x.created_at
         FROM (SELECT t.id, t.title, t.created_at, t.assigned_to, pg_temp.n(t.id) AS n
               FROM tasks t) x
         CROSS JOIN size s
         CROSS JOIN LATERAL unnest(x.assigned_to) WITH ORDINALITY AS a(id, place)"
    ),
);

/// One message in fifty was edited once.
pub(super) const REVISIONS: Sql = Sql::new(
    "scale.revisions",
    sized!(
        ", edited AS (
             UPDATE messages m SET version = 2, revision = 2,
                                   edited_at = m.created_at + interval '1 minute'
             FROM size WHERE pg_temp.n(m.id) % 50 = 0
             RETURNING m.id, m.edited_at
         )
         INSERT INTO message_revisions (message_id, version, content, replaced_at)
         SELECT id, 1, 'Nothing urgent', edited_at FROM edited"
    ),
);

/// One message in twenty pleased somebody: up to nine who said something there.
pub(super) const REACTIONS: Sql = Sql::new(
    "scale.reactions",
    sized!(
        ", made AS (
             INSERT INTO message_reactions (message_id, emoji, user_id, created_at)
             SELECT m.id, (ARRAY['👍','🎉','❤️','👀'])[1 + pg_temp.h(m.n + k, 70) % 4], p.id,
                    m.created_at + make_interval(mins => k::int)
             FROM (SELECT id, created_at, pg_temp.n(id) AS n FROM messages) m
             CROSS JOIN size s
             CROSS JOIN LATERAL generate_series(0, pg_temp.h(m.n, 71) % 9) AS k
             JOIN scale_people p ON p.n = (pg_temp.h(m.n, 72) + k) % s.people + 1
             WHERE m.n % 20 = 3
             RETURNING *
         )
         UPDATE messages m SET reactions = r.shown, revision = m.revision + 1
         FROM (SELECT message_id, jsonb_agg(jsonb_build_object(
                          'emoji', emoji, 'count', count, 'userIds', users) ORDER BY since, emoji)
                          AS shown
               FROM (SELECT message_id, emoji, count(*) AS count, min(created_at) AS since,
                            to_jsonb(array_agg(user_id ORDER BY created_at, user_id)) AS users
                     FROM made GROUP BY message_id, emoji) e
               GROUP BY message_id) r
         WHERE m.id = r.message_id"
    ),
);

/// What a head shows of its answers; half of those who answered have read on.
pub(super) const THREADS: Sql = Sql::new(
    "scale.threads",
    sized!(
        ", answers AS MATERIALIZED (
             SELECT m.thread_id, m.id, m.sender_id, m.created_at, pg_temp.n(m.id) AS n
             FROM messages m CROSS JOIN size WHERE m.thread_id IS NOT NULL
         ), reads AS (
             INSERT INTO thread_reads (thread_id, user_id, last_read_message_id, last_read_at)
             SELECT DISTINCT ON (thread_id, sender_id) thread_id, sender_id, id, created_at
             FROM answers WHERE n % 20 = 0 ORDER BY thread_id, sender_id, created_at DESC
         )
         UPDATE messages m SET reply_count = a.count, last_reply_at = a.last
         FROM (SELECT thread_id, count(*) AS count, max(created_at) AS last FROM answers
               GROUP BY thread_id) a
         WHERE m.id = a.thread_id"
    ),
);

/// One task and one message in two hundred are in the trash, and one channel in
/// forty with all that stands in it: some for longer than they are kept.
pub(super) const TRASH: Sql = Sql::new(
    "scale.trash",
    sized!(
        ", of_channels AS (
             UPDATE channels c
             SET deleted_at = s.now - make_interval(days => 20 + (k.n % 30)::int),
                 version = c.version + 1, revision = c.revision + 1
             FROM scale_channels k CROSS JOIN size s
             WHERE c.id = k.id AND k.n % 40 = 39
         ), of_tasks AS (
             UPDATE tasks t SET deleted_at = s.now - make_interval(mins => (x.n % 86400)::int),
                                version = t.version + 1, revision = t.revision + 1
             FROM (SELECT id, pg_temp.n(id) AS n FROM tasks) x CROSS JOIN size s
             WHERE t.id = x.id AND x.n % 200 = 7
         ), of_comments AS (
             UPDATE task_comments c SET deleted_at = s.now - make_interval(mins => (x.n % 86400)::int)
             FROM (SELECT id, pg_temp.n(id) AS n FROM task_comments) x CROSS JOIN size s
             WHERE c.id = x.id AND x.n % 200 = 7
         )
         UPDATE messages m SET deleted_at = s.now - make_interval(mins => (x.n % 86400)::int),
                               version = m.version + 1, revision = m.revision + 1
         FROM (SELECT id, pg_temp.n(id) AS n FROM messages) x CROSS JOIN size s
         WHERE m.id = x.id AND x.n % 200 = 7"
    ),
);

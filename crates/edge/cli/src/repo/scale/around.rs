//! Rows around the large tables of a company of any size: categories, what is
//! said about tasks, what they wait for, who was told, and who is signed in.
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

/// Two a person, each with a chain of two refresh tokens that nobody holds.
pub(super) const SESSIONS: Sql = Sql::new(
    "scale.sessions",
    sized!(
        ", made AS (
             INSERT INTO sessions (id, user_id, device_name, created_at, last_used_at, expires_at)
             SELECT pg_temp.id(s.now - interval '5 days', p.n * 2 + k, 67), p.id,
                    (ARRAY['Phone','Laptop'])[k + 1], s.now - interval '5 days',
                    s.now - interval '1 hour', s.now + interval '25 days'
             FROM size s, scale_people p, generate_series(0, 1) AS k
             RETURNING id, created_at
         )
         INSERT INTO refresh_tokens (hash, session_id, generation, issued_at, expires_at,
                                     replaced_at, used_at, device)
         SELECT sha256(uuid_send(m.id) || int4send(g)), m.id, g, m.created_at,
                m.created_at + interval '7 days',
                CASE WHEN g = 1 THEN m.created_at + interval '1 day' END, m.created_at, ''
         FROM made m CROSS JOIN size s CROSS JOIN generate_series(1, 2) AS g"
    ),
);

/// One message in fifty was edited.
pub(super) const REVISIONS: Sql = Sql::new(
    "scale.revisions",
    sized!(
        "INSERT INTO message_revisions (message_id, version, content, replaced_at)
         SELECT m.id, 1, 'Nothing urgent', m.created_at + interval '1 minute'
         FROM messages m CROSS JOIN size s WHERE pg_temp.n(m.id) % 50 = 0"
    ),
);

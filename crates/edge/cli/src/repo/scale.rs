//! Rows of a company of any size, made by PostgreSQL itself.
//!
//! `h(n, salt)` below stands for a number that depends on `n` and on nothing
//! else, so one size yields one company. A channel's members are people whose
//! numbers follow one another, which is how a message finds a sender, and a
//! task its assignees, without looking at the members.

use sayso_access::UserId;
use sayso_db::{Queries, Sql, Tx};
use sayso_kernel::{Fault, Timestamp};

/// Uses every parameter, whatever the statement needs, and names them.
macro_rules! sized {
    ($text:literal) => {
        concat!(
            "WITH size AS MATERIALIZED (SELECT $1::bigint AS people, $2::bigint AS channels,
                                               $3::bigint AS count, $4::timestamptz AS now) ",
            $text
        )
    };
}

mod around;
mod entry;

/// A part of the work, in words, and what does it. Its parameters are always
/// the same four: people, channels, how many rows, and the present time.
pub(crate) struct Step {
    pub(crate) what: &'static str,
    sql: &'static Sql,
    count: Count,
}

#[derive(Clone, Copy)]
enum Count {
    None,
    Messages,
    Tasks,
}

/// How much of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    pub(crate) people: i64,
    pub(crate) channels: i64,
    pub(crate) messages: i64,
    pub(crate) tasks: i64,
}

const NUMBERS: Sql = Sql::new(
    "scale.numbers",
    // Inlined by the planner, and gone with the session. `u` is even in [0, 1);
    // `id` is stable because the time it takes apart is; `n` is a number that
    // such an id owes to its row alone.
    "DO $$ BEGIN
         CREATE OR REPLACE FUNCTION pg_temp.h(n bigint, salt bigint) RETURNS bigint
             LANGUAGE sql IMMUTABLE AS 'SELECT hashint8extended($1, $2) & 1073741823';
         CREATE OR REPLACE FUNCTION pg_temp.u(n bigint, salt bigint) RETURNS float8
             LANGUAGE sql IMMUTABLE AS
             'SELECT (hashint8extended($1, $2) & 1073741823) / 1073741824.0::float8';
         CREATE OR REPLACE FUNCTION pg_temp.id(at timestamptz, n bigint, salt bigint) RETURNS uuid
             LANGUAGE sql STABLE AS
             'SELECT (lpad(to_hex((extract(epoch FROM $1) * 1000)::bigint), 12, ''0'')
                      || ''7'' || lpad(to_hex(hashint8extended($2, $3) & 4095), 3, ''0'')
                      || ''8'' || lpad(to_hex(hashint8extended($2, $3 + 1) & 1152921504606846975),
                                       15, ''0''))::uuid';
         CREATE OR REPLACE FUNCTION pg_temp.n(id uuid) RETURNS bigint
             LANGUAGE sql IMMUTABLE AS
             'SELECT (''x'' || right($1::text, 12))::bit(48)::bigint';
         CREATE TEMP TABLE scale_categories (n bigint PRIMARY KEY, id uuid, kind text)
             ON COMMIT DROP;
         CREATE TEMP TABLE scale_people (n bigint PRIMARY KEY, id uuid, at timestamptz)
             ON COMMIT DROP;
         CREATE TEMP TABLE scale_channels (n bigint PRIMARY KEY, id uuid, at timestamptz,
                                           kind text, first bigint, members bigint)
             ON COMMIT DROP;
         CREATE TEMP TABLE scale_ddl (place bigint GENERATED ALWAYS AS IDENTITY, text text)
             ON COMMIT DROP;
         SET LOCAL maintenance_work_mem = '512MB';
         SET LOCAL work_mem = '128MB';
     END $$",
);

/// What only slows the filling down is taken off the large tables, and put
/// back at the end: in the same transaction, so no kill can leave them bare.
const TAKE_OFF: Sql = Sql::new(
    "scale.take_off",
    "DO $$ DECLARE it record; BEGIN
         FOR it IN
             SELECT indexrelid::regclass AS name, pg_get_indexdef(indexrelid) AS text
             FROM pg_index
             WHERE indrelid = ANY ('{tasks,messages,channel_members,task_comments,task_history,
                                     task_dependencies,notifications}'::regclass[])
               AND NOT indisunique
             ORDER BY 1
         LOOP
             INSERT INTO scale_ddl (text) VALUES (it.text);
             EXECUTE 'DROP INDEX ' || it.name;
         END LOOP;
         FOR it IN
             SELECT conrelid::regclass AS on_table, conname AS name,
                    pg_get_constraintdef(oid) AS text
             FROM pg_constraint
             WHERE contype = 'f' AND conrelid = ANY (
                 '{tasks,messages,channel_members,task_comments,task_history,task_dependencies,
                   notifications,message_revisions}'::regclass[])
             ORDER BY 1, 2
         LOOP
             INSERT INTO scale_ddl (text) VALUES (format('ALTER TABLE %s ADD CONSTRAINT %I %s',
                                                         it.on_table, it.name, it.text));
             EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', it.on_table, it.name);
         END LOOP;
     END $$",
);

const PUT_BACK: Sql = Sql::new(
    "scale.put_back",
    "DO $$ DECLARE it record; BEGIN
         FOR it IN SELECT text FROM scale_ddl ORDER BY place LOOP
             EXECUTE it.text;
         END LOOP;
     END $$",
);

/// One CEO; every twentieth a manager; each manager reports to one before, and
/// everybody else to a manager.
const PEOPLE: Sql = Sql::new(
    "scale.people",
    sized!(
        ", numbered AS (
             SELECT n, s.now - make_interval(secs => (730 - 30.0 * n / s.people) * 86400) AS at
             FROM size s, generate_series(1, s.people) AS n
         ), kept AS (
             INSERT INTO scale_people SELECT n, pg_temp.id(at, n, 10), at FROM numbered
             RETURNING n, id, at
         )
         INSERT INTO users (id, email, email_folded, name, role, manager_id, created_at,
                            updated_at)
         SELECT p.id, e.mail, e.mail,
                (ARRAY['Ada','Björn','Chiara','Đặng','Łukasz','Zoë','Jürgen','Íñigo','서연','Øyvind',
                       'Priya','Mateus','Eszter','李伟','Noor','Tomáš','美咲','Олена','Γιώργος',
                       'Siobhán'])[1 + pg_temp.h(p.n, 11) % 20] || ' ' ||
                (ARRAY['Okafor','Lindqvist','Romano','Wójcik','Weiß','Muñoz','Håkonsen','Gonçalves',
                       'Szőke','Yılmaz','Dvořák','Peña','Mäkelä','O’Connor','Шевченко','田中'])
                    [1 + pg_temp.h(p.n, 12) % 16] || ' ' || p.n,
                CASE WHEN p.n = 1 THEN 'ceo' WHEN p.n % 20 = 2 THEN 'manager' ELSE 'staff' END,
                m.id, p.at, p.at
         FROM kept p
         CROSS JOIN size s
         CROSS JOIN LATERAL (SELECT 'person' || p.n || '@scale.example' AS mail) e
         LEFT JOIN kept m ON m.n = CASE
             WHEN p.n = 1 THEN NULL
             WHEN p.n % 20 = 2 AND p.n <= 82 THEN 1
             WHEN p.n % 20 = 2 THEN (p.n / 100) * 20 + 2
             -- The last group may have no manager of its own.
             ELSE least((p.n / 20) * 20 + 2, ((s.people - 2) / 20) * 20 + 2) END
             AND m.n <> p.n"
    ),
);

/// Few are large and many small: the one with the number n has an n-th of all
/// people in it. The last fifth are direct.
const CHANNELS: Sql = Sql::new(
    "scale.channels",
    sized!(
        ", numbered AS (
             SELECT n, s.now - make_interval(secs => (700 - 20.0 * n / s.channels) * 86400) AS at,
                    CASE WHEN n > s.channels - s.channels / 5 THEN 'direct'
                         WHEN n % 3 = 0 THEN 'private' ELSE 'public' END AS kind,
                    CASE WHEN n > s.channels - s.channels / 5 THEN n % s.people
                         ELSE (n - 1) * 37 % s.people END AS first,
                    CASE WHEN n > s.channels - s.channels / 5 THEN 2
                         ELSE least(greatest(s.people / n, 5), s.people) END AS members
             FROM size s, generate_series(1, s.channels) AS n
         ), kept AS (
             INSERT INTO scale_channels
             SELECT n, pg_temp.id(at, n, 20), at, kind, first, members FROM numbered
             RETURNING *
         )
         INSERT INTO channels (id, name, description, kind, direct_key, member_count, category_id,
                               created_by, created_at, updated_at)
         SELECT c.id,
                CASE WHEN c.kind <> 'direct' THEN
                    (ARRAY['garten','releases','客户','support','équipe','ventas','研究','운영','news',
                           'projekt'])[1 + pg_temp.h(c.n, 21) % 10] || '-' || c.n END,
                '', c.kind,
                CASE WHEN c.kind = 'direct' THEN
                    encode(sha256(uuid_send(least(a.id, b.id)) || uuid_send(greatest(a.id, b.id))),
                           'hex') END,
                c.members, k.id, a.id, c.at, c.at
         FROM kept c CROSS JOIN size s
         LEFT JOIN scale_categories k ON k.n = 31 + c.n % 10 AND c.kind <> 'direct' AND c.n % 2 = 0
         JOIN scale_people a ON a.n = c.first + 1
         JOIN scale_people b ON b.n = (c.first + 1) % s.people + 1"
    ),
);

/// They have read up to a moment of the last ten days; one in fifty never has.
const MEMBERS: Sql = Sql::new(
    "scale.members",
    sized!(
        "INSERT INTO channel_members (channel_id, user_id, role, joined_at, last_read_at)
         SELECT c.id, p.id,
                CASE WHEN c.kind = 'direct' OR k > 0 THEN 'member' ELSE 'owner' END, c.at,
                CASE WHEN pg_temp.h(p.n * 10000 + c.n, 25) % 50 > 0 THEN s.now - make_interval(
                    secs => 864000 * pg_temp.u(p.n * 10000 + c.n, 26)) END
         FROM scale_channels c CROSS JOIN size s
         CROSS JOIN generate_series(0, c.members - 1) AS k
         JOIN scale_people p ON p.n = (c.first + k) % s.people + 1"
    ),
);

/// From the head on. There are no sockets that would have to hear of it.
const FOLLOWS: Sql = Sql::new(
    "scale.follows",
    sized!(
        "INSERT INTO follows (user_id, stream, since_position)
         SELECT m.user_id, 'channel:' || m.channel_id,
                coalesce((SELECT position FROM log_head), 0)
         FROM channel_members m CROSS JOIN size"
    ),
);

/// Evenly over two years, the newest last, mostly in the large channels; two
/// thirds in plain Latin letters.
const MESSAGES: Sql = Sql::new(
    "scale.messages",
    sized!(
        "INSERT INTO messages (id, channel_id, sender_id, content, mentions, thread_id, created_at,
                               updated_at)
         SELECT pg_temp.id(x.at, x.n, 30), c.id, p.id,
                (ARRAY['The numbers for spring are in','Please read the letter from Graz',
                       'I measured it twice','Noch eine Frage','Nothing urgent, but good to know',
                       'Customers ask for the export again','Call with Jardins d’Été at two',
                       'La versión nueva está lista','リリースの準備ができました','新しいセンサーを確認してください',
                       '请检查水泵的电池','이 화면을 다시 확인해 주세요'])
                    [1 + floor(12 * power(pg_temp.u(x.n, 31), 3))::int]
                || (ARRAY[', ', ': ', ' - ', '; '])[1 + pg_temp.h(x.n, 32) % 4] ||
                (ARRAY['thank you all','see the task','more on Monday','it can wait',
                       'with the blue box','before the fair','I will write it down','déjà vu',
                       'für morgen','明日までに','下周再说','내일까지','as agreed in Kraków'])
                    [1 + floor(13 * power(pg_temp.u(x.n, 33), 3))::int] || ' #' || x.n
                -- What few say, for who searches for it.
                || CASE WHEN x.n % 1000 = 0 THEN ' xy 会议' ELSE '' END,
                CASE WHEN x.n % 40 = 0 THEN ARRAY[m.id] ELSE '{}' END,
                CASE WHEN r.n > 0 THEN pg_temp.id(s.now - make_interval(
                    secs => 58320000.0 * (s.count - r.n) / s.count), r.n, 30) END,
                x.at, x.at
         FROM (SELECT n, s.people,
                      s.now - make_interval(secs => 58320000.0 * (s.count - n) / s.count) AS at,
                      1 + floor(s.channels * power(pg_temp.u(n, 34), 3))::bigint AS channel
               FROM size s, generate_series(1, s.count) AS n) x
         CROSS JOIN size s
         JOIN scale_channels c ON c.n = x.channel
         JOIN scale_people p ON p.n = (c.first + pg_temp.h(x.n, 35) % c.members) % x.people + 1
         JOIN scale_people m ON m.n = (c.first + pg_temp.h(x.n, 36) % c.members) % x.people + 1
         -- What each tenth answers: one shortly before it in the same channel.
         LEFT JOIN LATERAL (
             SELECT n FROM generate_series(x.n - 1, x.n - 20, -1) AS n
             WHERE x.n % 10 = 0 AND n > 0 AND n % 10 > 0
               AND 1 + floor(s.channels * power(pg_temp.u(n, 34), 3))::bigint = x.channel
             LIMIT 1) r ON true"
    ),
);

/// One in seven belongs to no channel; most are done; half have an assignee or
/// more, from the channel.
const TASKS: Sql = Sql::new(
    "scale.tasks",
    sized!(
        "INSERT INTO tasks (id, channel_id, category_id, title, description, status, priority,
                            assigned_to, tags, due_date, due_all_day, created_by, completed_at,
                            created_at, updated_at)
         SELECT pg_temp.id(x.at, x.n, 40), CASE WHEN x.n % 7 > 0 THEN c.id END, k.id,
                (ARRAY['Fix','Review','Measure','Write about','Translate','Revisar','Überprüfe',
                       'Vérifier','確認する:','検討','修复','检查','검토:'])
                    [1 + floor(13 * power(pg_temp.u(x.n, 41), 5))::int] || ' ' ||
                (ARRAY['the pairing screen','the watering plan','the moisture graph','the frost alarm',
                       'the release notes','the battery gauge','die Rechnung von Gärtnerei Blum',
                       'la página de inicio','les capteurs d’été','リリースノート','ログイン画面','水泵电池',
                       '客户名单','알림 설정'])
                    [1 + floor(14 * power(pg_temp.u(x.n, 42), 5))::int] || ' ' ||
                (ARRAY['before the fair','on old phones','in winter','again','for Kraków','für Zürich',
                       '東京向け','给王小红','서울'])
                    [1 + floor(9 * power(pg_temp.u(x.n, 43), 5))::int] || ' ' || x.n
                || CASE WHEN x.n % 1000 = 500 THEN ' xy 会议' ELSE '' END,
                CASE WHEN x.n % 3 = 0 THEN 'Measure before and after, and say what changed.'
                     ELSE '' END,
                x.status, (ARRAY[0, 1, 1, 1, 2, 2, 3])[1 + pg_temp.h(x.n, 44) % 7],
                CASE x.n % 6 WHEN 0 THEN ARRAY[a.id] WHEN 1 THEN ARRAY[b.id]
                     WHEN 2 THEN CASE WHEN a.n = b.n THEN ARRAY[a.id] ELSE ARRAY[a.id, b.id] END
                     ELSE '{}' END,
                CASE x.n % 4 WHEN 0 THEN '{}'
                     WHEN 1 THEN ARRAY[(ARRAY['app','bug','words','help'])[1 + x.n % 4 % 4]]
                     ELSE ARRAY['garden', 'q' || 1 + pg_temp.h(x.n, 45) % 4] END,
                CASE WHEN x.n % 5 > 1 THEN
                    x.at + make_interval(days => 1 + (pg_temp.h(x.n, 46) % 60)::int) END,
                false, p.id, CASE WHEN x.status = 'done' THEN x.ended END, x.at,
                CASE WHEN x.status = 'done' THEN x.ended ELSE x.at END
         FROM (SELECT n, s.people, at, least(at + interval '3 days', s.now) AS ended,
                      1 + floor(s.channels * power(pg_temp.u(n, 47), 3))::bigint AS channel,
                      CASE WHEN pg_temp.h(n, 48) % 100 < 70 THEN 'done'
                           ELSE (ARRAY['todo','todo','todo','in_progress','review','cancelled'])
                               [1 + pg_temp.h(n, 49) % 6] END AS status
               FROM size s, generate_series(1, s.count) AS n,
                    LATERAL (SELECT s.now - make_interval(
                        secs => 58320000.0 * (s.count - n) / s.count) AS at) t) x
         JOIN scale_channels c ON c.n = x.channel
         JOIN scale_people p ON p.n = (c.first + pg_temp.h(x.n, 50) % c.members) % x.people + 1
         JOIN scale_people a ON a.n = (c.first + pg_temp.h(x.n, 51) % c.members) % x.people + 1
         JOIN scale_people b ON b.n = (c.first + pg_temp.h(x.n, 52) % c.members) % x.people + 1
         LEFT JOIN scale_categories k ON k.n = 1 + pg_temp.h(x.n, 53) % 30 AND x.n % 3 > 0"
    ),
);

/// What the planner knows of the tables, and which pages hold only what is
/// visible to all: outside the transaction, for PostgreSQL wants it so.
const TIDY: Sql = Sql::new("scale.tidy", "VACUUM (ANALYZE)");

const LOGINS: Sql = Sql::new(
    "scale.logins",
    "SELECT id, name, role, email FROM users
     WHERE email_folded IN ('person1@scale.example', 'person2@scale.example',
                            'person3@scale.example')
     ORDER BY created_at",
);

/// Statements that can be prepared without those before them; the others are
/// run by a test.
#[cfg(test)]
pub(crate) const ALL: &[&Sql] = &[&FOLLOWS, &LOGINS];

const fn step(what: &'static str, sql: &'static Sql, count: Count) -> Step {
    Step { what, sql, count }
}

/// In this order, in one transaction.
pub(crate) const STEPS: &[Step] = &[
    step("preparing", &NUMBERS, Count::None),
    step("taking indexes off", &TAKE_OFF, Count::None),
    step("people", &PEOPLE, Count::None),
    step("categories", &around::CATEGORIES, Count::None),
    step("channels", &CHANNELS, Count::None),
    step("members", &MEMBERS, Count::None),
    step("follows", &FOLLOWS, Count::None),
    step("tasks", &TASKS, Count::Tasks),
    step("messages", &MESSAGES, Count::Messages),
    step("dependencies", &around::DEPENDENCIES, Count::None),
    step("what waits", &around::BLOCKED, Count::None),
    step("comments", &around::COMMENTS, Count::None),
    step("history", &around::HISTORY, Count::None),
    step("notifications", &around::NOTIFICATIONS, Count::None),
    step("revisions", &around::REVISIONS, Count::None),
    step("reactions", &around::REACTIONS, Count::None),
    step("threads", &around::THREADS, Count::None),
    step("trash", &around::TRASH, Count::None),
    step("sessions", &entry::SESSIONS, Count::None),
    step("grants", &entry::GRANTS, Count::None),
    step("second factors", &entry::SECOND_FACTORS, Count::None),
    step("invitations", &entry::INVITATIONS, Count::None),
    step("tokens", &entry::TOKENS, Count::None),
    step("putting indexes back", &PUT_BACK, Count::None),
];

/// Does one of [`STEPS`].
pub(crate) async fn take(
    tx: &mut Tx,
    step: &Step,
    scale: &Scale,
    now: Timestamp,
) -> Result<(), Fault> {
    if !step.sql.text.starts_with("WITH size") {
        tx.rows(step.sql, &[]).await?;
        return Ok(());
    }
    let count = match step.count {
        Count::None => 0,
        Count::Messages => scale.messages,
        Count::Tasks => scale.tasks,
    };
    tx.rows(step.sql, &[&scale.people, &scale.channels, &count, &now]).await?;
    Ok(())
}

/// The tables as they are from now on, told to the planner.
pub(crate) async fn tidy(db: &mut impl Queries) -> Result<(), Fault> {
    db.rows(&TIDY, &[]).await?;
    Ok(())
}

/// A person who is to come in: id, name, role, e-mail.
pub(crate) type Person = (UserId, String, String, String);

/// The CEO, the first manager and the first of the staff.
pub(crate) async fn first_people(db: &mut impl Queries) -> Result<Vec<Person>, Fault> {
    let rows = db.rows(&LOGINS, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect())
}

//! Finding out who is to be told, and telling them.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use uuid::Uuid;

use crate::model::{Notification, QuietHours, Topic};
use crate::rules::{Audience, Occasion};

/// Who of an audience is to be told and has not been: who may come in, did not
/// do it, and has not muted it. With the names that the title may need.
///
/// A channel may have the whole company in it: its members are taken one after
/// the other, and what else is asked of a person is asked only until there are
/// as many as wanted. OFFSET 0 keeps it so.
const RECIPIENTS: Sql = Sql::new(
    "notifications.recipients",
    "WITH who AS (
         SELECT unnest($1::uuid[]) AS id
         UNION
         (SELECT m.user_id FROM (
              SELECT c.user_id FROM channel_members c
              WHERE c.channel_id = $2 AND ($4 OR c.user_id = ANY($3::uuid[]))
                AND c.notification_level <> 'none' AND coalesce(c.muted_until <= $5, true)
                AND NOT EXISTS (SELECT 1 FROM notifications n
                                WHERE n.user_id = c.user_id AND n.fact_id = $10)
              ORDER BY c.user_id OFFSET 0) m
          WHERE m.user_id IS DISTINCT FROM $8
            AND EXISTS (SELECT 1 FROM users u
                        WHERE u.id = m.user_id AND u.active AND u.deleted_at IS NULL)
            AND NOT EXISTS (SELECT 1 FROM notification_preferences p
                            WHERE p.user_id = m.user_id AND $9 = ANY(p.muted))
          ORDER BY m.user_id LIMIT $11)
         UNION
         SELECT unnest(array_append(t.assigned_to, t.created_by)) FROM tasks t
         WHERE t.id = $6 AND t.deleted_at IS NULL
         UNION
         SELECT s.user_id FROM sessions s WHERE s.id = $7
     )
     SELECT u.id, u.time_zone, p.quiet_from, p.quiet_to,
            (SELECT a.name FROM users a WHERE a.id = $8),
            (SELECT c.name FROM channels c WHERE c.id = $2),
            (SELECT t.title FROM tasks t WHERE t.id = $6)
     FROM who JOIN users u ON u.id = who.id AND u.active AND u.deleted_at IS NULL
     LEFT JOIN notification_preferences p ON p.user_id = u.id
     WHERE u.id IS DISTINCT FROM $8
       AND NOT coalesce($9 = ANY(p.muted), false)
       AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.user_id = u.id AND n.fact_id = $10)
     ORDER BY u.id LIMIT $11",
);

/// One node at a time looks at what is due.
const TAKE_DUE_TURN: Sql = Sql::new(
    "notifications.take_due_turn",
    "SELECT pg_try_advisory_xact_lock(hashtextextended('notifications.due', 2))",
);

/// Tasks that are due soon or should be done by now, with whom to tell who has
/// not been told: whoever is to do it, or else whoever made it. What a person
/// is told of a date is told once: another date is another occasion.
const DUE: Sql = Sql::new(
    "notifications.due",
    "WITH due AS (
         SELECT t.id, t.title, t.due_date,
                CASE WHEN t.due_date <= $1 THEN 'overdue' ELSE 'due_soon' END AS type,
                unnest(CASE WHEN cardinality(t.assigned_to) = 0 THEN ARRAY[t.created_by]
                            ELSE t.assigned_to END) AS user_id
         FROM tasks t
         WHERE t.deleted_at IS NULL AND t.status NOT IN ('done', 'cancelled')
           AND coalesce(t.due_date, 'infinity') > $2
           AND coalesce(t.due_date, 'infinity') <= $3
     ), told AS (
         SELECT d.*, md5(d.type || d.id || extract(epoch FROM d.due_date))::uuid AS fact_id
         FROM due d
     )
     SELECT u.id, u.time_zone, p.quiet_from, p.quiet_to, d.type, d.id, d.title, d.fact_id
     FROM told d CROSS JOIN LATERAL (
         SELECT id, time_zone FROM users
         WHERE id = d.user_id AND active AND deleted_at IS NULL OFFSET 0) u
     LEFT JOIN notification_preferences p ON p.user_id = u.id
     WHERE NOT coalesce(d.type = ANY(p.muted), false)
       AND NOT EXISTS (SELECT 1 FROM notifications n
                       WHERE n.user_id = u.id AND n.fact_id = d.fact_id)
     LIMIT $4",
);

const INSERT: Sql = Sql::new(
    "notifications.insert",
    "INSERT INTO notifications (id, user_id, type, title, body, resource_type, resource_id,
                                silent, fact_id, created_at)
     SELECT n.id, n.user_id, n.type, n.title, n.body, n.resource_type, n.resource_id,
            n.silent, n.fact_id, $10
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                 $7::uuid[], $8::boolean[], $9::uuid[])
          AS n(id, user_id, type, title, body, resource_type, resource_id, silent, fact_id)",
);

pub(super) const ALL: &[&Sql] = &[&RECIPIENTS, &TAKE_DUE_TURN, &DUE, &INSERT];

/// Somebody who is to be told.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    pub(crate) user: UserId,
    pub(crate) time_zone: String,
    pub(crate) quiet: Option<QuietHours>,
    /// Who did it.
    pub(crate) actor_name: Option<String>,
    /// Where.
    pub(crate) channel_name: Option<String>,
    /// About which task.
    pub(crate) task_title: Option<String>,
}

/// Whoever is to be told of an occasion and has not been, at most `limit`.
pub(crate) async fn recipients(
    tx: &mut Tx,
    occasion: &Occasion,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Recipient>, DbError> {
    let (mut people, mut named, mut all) = (Vec::new(), Vec::new(), false);
    let (mut channel, mut task, mut session) = (None::<ChannelId>, None::<Uuid>, None::<Uuid>);
    match &occasion.to {
        Audience::People(them) => people.clone_from(them),
        Audience::Members { channel: it, named: them, all: everybody } => {
            (channel, all) = (Some(*it), *everybody);
            named.clone_from(them);
        }
        Audience::PeopleOfTask(it) => task = Some(*it),
        Audience::OwnerOfSession(it) => session = Some(*it),
    }
    let rows = tx
        .rows(
            &RECIPIENTS,
            &[
                &people,
                &channel,
                &named,
                &all,
                &now,
                &task,
                &session,
                &occasion.actor,
                &occasion.topic.as_str(),
                &occasion.fact_id,
                &limit,
            ],
        )
        .await?;
    Ok(rows.iter().map(recipient).collect())
}

fn recipient(row: &Row) -> Recipient {
    Recipient {
        actor_name: row.get(4),
        channel_name: row.get(5),
        task_title: row.get(6),
        ..somebody(row)
    }
}

fn somebody(row: &Row) -> Recipient {
    let hours: (Option<i16>, Option<i16>) = (row.get(2), row.get(3));
    Recipient {
        user: row.get(0),
        time_zone: row.get(1),
        quiet: hours.0.zip(hours.1).map(|(from, to)| QuietHours { from, to }),
        actor_name: None,
        channel_name: None,
        task_title: None,
    }
}

/// Somebody who is to be told that a task is due.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) to: Recipient,
    pub(crate) topic: Topic,
    pub(crate) task: Uuid,
    pub(crate) title: String,
    /// Names this date of this task.
    pub(crate) fact_id: Uuid,
}

/// Whether it is this node's turn to look at what is due; held until the end
/// of the transaction.
pub(crate) async fn take_due_turn(tx: &mut Tx) -> Result<bool, DbError> {
    Ok(tx.row(&TAKE_DUE_TURN, &[]).await?.is_some_and(|row| row.get(0)))
}

/// What is due between `since` and `soon`, with whom to tell.
pub(crate) async fn due(
    tx: &mut Tx,
    (since, now, soon): (Timestamp, Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<Due>, DbError> {
    let rows = tx.rows(&DUE, &[&now, &since, &soon, &limit]).await?;
    let due = |row: &Row| Due {
        to: somebody(row),
        topic: if row.get::<_, &str>(4) == "overdue" { Topic::Overdue } else { Topic::DueSoon },
        task: row.get(5),
        title: row.get(6),
        fact_id: row.get(7),
    };
    Ok(rows.iter().map(due).collect())
}

/// Inserts notifications, each with the fact it comes from.
pub(crate) async fn insert(
    tx: &mut Tx,
    made: &[(Notification, Uuid)],
    now: Timestamp,
) -> Result<(), DbError> {
    let column = |of: fn(&Notification) -> &str| -> Vec<&str> {
        made.iter().map(|(notification, _)| of(notification)).collect()
    };
    let ids: Vec<_> = made.iter().map(|(it, _)| it.id).collect();
    let users: Vec<_> = made.iter().map(|(it, _)| it.user_id).collect();
    let topics = column(|it| it.topic.as_str());
    let titles = column(|it| &it.title);
    let bodies = column(|it| &it.body);
    let kinds: Vec<_> =
        made.iter().map(|(it, _)| it.resource.as_ref().map(|to| to.kind.as_str())).collect();
    let resources: Vec<_> =
        made.iter().map(|(it, _)| it.resource.as_ref().map(|to| to.id)).collect();
    let silent: Vec<_> = made.iter().map(|(it, _)| it.silent).collect();
    let facts: Vec<_> = made.iter().map(|(_, fact)| *fact).collect();
    tx.rows(
        &INSERT,
        &[&ids, &users, &topics, &titles, &bodies, &kinds, &resources, &silent, &facts, &now],
    )
    .await?;
    Ok(())
}

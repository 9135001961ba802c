//! Rows of a company that has a past, laid in by one statement a table.

use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_db::{DbError, Sql, Tx};
use sayso_kernel::Timestamp;
use sayso_tasks::TaskId;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

// Each statement names its columns: whatever else a table has (or will have)
// takes its default.

const PEOPLE: Sql = Sql::new(
    "demo.people",
    "INSERT INTO users (id, email, email_folded, name, role, manager_id, status_text, time_zone,
                        last_active_at, created_at, updated_at)
     SELECT id, email, email, name, role, manager_id, status_text, time_zone, last_active_at,
            created_at, created_at
     FROM jsonb_to_recordset($1) AS r(
         id uuid, email text, name text, role text, manager_id uuid, status_text text,
         time_zone text, last_active_at timestamptz, created_at timestamptz)",
);

const CATEGORIES: Sql = Sql::new(
    "demo.categories",
    "INSERT INTO categories (id, name, color, parent_id, kind, created_by, created_at, updated_at)
     SELECT id, name, color, parent_id, kind, created_by, created_at, created_at
     FROM jsonb_to_recordset($1) AS r(
         id uuid, name text, color text, parent_id uuid, kind text, created_by uuid,
         created_at timestamptz)",
);

const CHANNELS: Sql = Sql::new(
    "demo.channels",
    "INSERT INTO channels (id, name, description, kind, category_id, member_count, created_by,
                           created_at, updated_at)
     SELECT id, name, description, kind, category_id, member_count, created_by, created_at,
            created_at
     FROM jsonb_to_recordset($1) AS r(
         id uuid, name text, description text, kind text, category_id uuid, member_count integer,
         created_by uuid, created_at timestamptz)",
);

const MEMBERS: Sql = Sql::new(
    "demo.members",
    "INSERT INTO channel_members (channel_id, user_id, role, joined_at, last_read_message_id,
                                  last_read_at)
     SELECT channel_id, user_id, role, joined_at, last_read_message_id, last_read_at
     FROM jsonb_to_recordset($1) AS r(
         channel_id uuid, user_id uuid, role text, joined_at timestamptz,
         last_read_message_id uuid, last_read_at timestamptz)",
);

const MESSAGES: Sql = Sql::new(
    "demo.messages",
    "INSERT INTO messages (id, channel_id, sender_id, content, thread_id, mentions, created_at,
                           updated_at, reply_count, last_reply_at)
     SELECT r.id, r.channel_id, r.sender_id, r.content, r.thread_id, r.mentions, r.created_at,
            r.created_at, coalesce(a.count, 0), a.last
     FROM jsonb_to_recordset($1) AS r(
         id uuid, channel_id uuid, sender_id uuid, content text, thread_id uuid, mentions uuid[],
         created_at timestamptz)
     -- The head of a thread counts its answers.
     LEFT JOIN (
         SELECT thread_id, count(*)::int AS count, max(created_at) AS last
         FROM jsonb_to_recordset($1) AS r(thread_id uuid, created_at timestamptz)
         GROUP BY thread_id) a ON a.thread_id = r.id",
);

const TASKS: Sql = Sql::new(
    "demo.tasks",
    "INSERT INTO tasks (id, channel_id, category_id, title, description, status, priority,
                        assigned_to, tags, due_date, due_all_day, blocked, created_by,
                        completed_at, created_at, updated_at)
     SELECT id, channel_id, category_id, title, description, status, priority, assigned_to, tags,
            due_date, due_date IS NOT NULL, blocked, created_by, completed_at, created_at,
            coalesce(completed_at, created_at)
     FROM jsonb_to_recordset($1) AS r(
         id uuid, channel_id uuid, category_id uuid, blocked boolean, title text, description text, status text, priority smallint,
         assigned_to uuid[], tags text[], due_date timestamptz, created_by uuid,
         completed_at timestamptz, created_at timestamptz)",
);

const DEPENDENCIES: Sql = Sql::new(
    "demo.dependencies",
    "INSERT INTO task_dependencies (id, task_id, depends_on_id, type, created_by, created_at)
     SELECT id, task_id, depends_on_id, type, created_by, created_at
     FROM jsonb_to_recordset($1) AS r(
         id uuid, task_id uuid, depends_on_id uuid, type text, created_by uuid,
         created_at timestamptz)",
);

/// All statements of this file, for the test that prepares each of them against
/// the real schema.
#[cfg(test)]
pub(crate) const ALL: &[&Sql] =
    &[&PEOPLE, &CATEGORIES, &CHANNELS, &MEMBERS, &MESSAGES, &TASKS, &DEPENDENCIES];

/// A person.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PersonRow {
    pub(crate) id: UserId,
    /// In lower case, as it is folded.
    pub(crate) email: String,
    pub(crate) name: &'static str,
    pub(crate) role: &'static str,
    pub(crate) manager_id: Option<UserId>,
    pub(crate) status_text: Option<&'static str>,
    pub(crate) time_zone: &'static str,
    pub(crate) last_active_at: Timestamp,
    pub(crate) created_at: Timestamp,
}

/// A category.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CategoryRow {
    pub(crate) id: Uuid,
    pub(crate) name: &'static str,
    pub(crate) color: &'static str,
    pub(crate) parent_id: Option<Uuid>,
    pub(crate) kind: &'static str,
    pub(crate) created_by: UserId,
    pub(crate) created_at: Timestamp,
}

/// What a task waits for, or is told to be like.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DependencyRow {
    pub(crate) id: Uuid,
    pub(crate) task_id: TaskId,
    pub(crate) depends_on_id: TaskId,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) created_by: UserId,
    pub(crate) created_at: Timestamp,
}

/// A channel.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChannelRow {
    pub(crate) id: ChannelId,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) category_id: Option<Uuid>,
    pub(crate) member_count: usize,
    pub(crate) created_by: UserId,
    pub(crate) created_at: Timestamp,
}

/// A member, and how far they have read.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MemberRow {
    pub(crate) channel_id: ChannelId,
    pub(crate) user_id: UserId,
    pub(crate) role: &'static str,
    pub(crate) joined_at: Timestamp,
    pub(crate) last_read_message_id: Option<Uuid>,
    pub(crate) last_read_at: Option<Timestamp>,
}

/// A message.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MessageRow {
    pub(crate) id: Uuid,
    pub(crate) channel_id: ChannelId,
    pub(crate) sender_id: UserId,
    pub(crate) content: String,
    pub(crate) thread_id: Option<Uuid>,
    pub(crate) mentions: Vec<UserId>,
    pub(crate) created_at: Timestamp,
}

/// A task.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TaskRow {
    pub(crate) id: TaskId,
    pub(crate) channel_id: Option<ChannelId>,
    pub(crate) category_id: Option<Uuid>,
    pub(crate) blocked: bool,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) status: &'static str,
    pub(crate) priority: i16,
    pub(crate) assigned_to: Vec<UserId>,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) due_date: Option<Timestamp>,
    pub(crate) created_by: UserId,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
}

/// Everything, in an order in which each row finds what it names.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) people: Vec<PersonRow>,
    pub(crate) categories: Vec<CategoryRow>,
    pub(crate) channels: Vec<ChannelRow>,
    pub(crate) members: Vec<MemberRow>,
    pub(crate) messages: Vec<MessageRow>,
    pub(crate) tasks: Vec<TaskRow>,
    pub(crate) dependencies: Vec<DependencyRow>,
}

/// Inserts everything.
pub(crate) async fn insert(tx: &mut Tx, rows: &Rows) -> Result<(), DbError> {
    put(tx, &PEOPLE, &rows.people).await?;
    put(tx, &CATEGORIES, &rows.categories).await?;
    put(tx, &CHANNELS, &rows.channels).await?;
    put(tx, &MESSAGES, &rows.messages).await?;
    put(tx, &MEMBERS, &rows.members).await?;
    put(tx, &TASKS, &rows.tasks).await?;
    put(tx, &DEPENDENCIES, &rows.dependencies).await
}

async fn put<T: Serialize>(tx: &mut Tx, sql: &'static Sql, rows: &[T]) -> Result<(), DbError> {
    use sayso_db::Queries as _;
    let json: Value = serde_json::to_value(rows).expect("rows are plain JSON");
    tx.rows(sql, &[&json]).await.map(drop)
}

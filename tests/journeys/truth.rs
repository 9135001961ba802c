//! What is in the database: the truth that everything else is held against.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use sayso_db::tokio_postgres::{Client, Config, NoTls};
use sayso_testkit::until;
use uuid::Uuid;

/// How long the sequencer may need at the end.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);

/// An event on one of its streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub stream: String,
    pub seq: i64,
    pub position: i64,
    pub id: Uuid,
    pub kind: String,
}

/// A message as it stands in its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub id: Uuid,
    pub content: String,
}

/// Reads the database directly.
pub struct Truth(Client);

impl Truth {
    pub async fn of(config: &Config) -> Self {
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    /// Waits until everything committed has its number.
    pub async fn settle(&self) {
        until("an empty outbox", SETTLED_WITHIN, async || {
            let waiting = self.0.query_one("SELECT count(*) FROM outbox", &[]).await.unwrap();
            (waiting.get::<_, i64>(0) == 0).then_some(())
        })
        .await;
    }

    /// The whole log, stream by stream.
    pub async fn log(&self) -> Vec<Logged> {
        let sql = "SELECT s.stream, s.seq, s.position, e.fact_id, e.type
                   FROM event_streams s JOIN event_log e USING (position)
                   ORDER BY s.position, s.stream";
        let rows = self.0.query(sql, &[]).await.unwrap();
        rows.iter()
            .map(|row| Logged {
                stream: row.get(0),
                seq: row.get(1),
                position: row.get(2),
                id: row.get(3),
                kind: row.get(4),
            })
            .collect()
    }

    /// All messages.
    pub async fn messages(&self) -> Vec<Stored> {
        let rows = self.0.query("SELECT id, content FROM messages", &[]).await.unwrap();
        rows.iter().map(|row| Stored { id: row.get(0), content: row.get(1) }).collect()
    }

    /// Messages that have no event, or several.
    pub async fn messages_without_one_event(&self) -> i64 {
        let sql = "SELECT count(*) FROM messages m
                   LEFT JOIN (SELECT data->>'id' AS id, count(*) AS times FROM event_log
                              WHERE type = 'message.sent' GROUP BY 1) e ON e.id = m.id::text
                   WHERE e.times IS DISTINCT FROM 1";
        self.0.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Since which position a person follows which channel.
    pub async fn follows(&self, person: &str) -> HashMap<String, i64> {
        let person: Uuid = person.parse().unwrap();
        let sql = "SELECT stream, since_position FROM follows WHERE user_id = $1";
        let rows = self.0.query(sql, &[&person]).await.unwrap();
        let mut follows: HashMap<String, i64> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        follows.insert("company".to_owned(), 0);
        follows.insert(format!("user:{person}"), 0);
        follows
    }

    /// Where a person's memberships of a channel began in the log, and where they
    /// ended.
    pub async fn memberships(&self, person: &str, channel: &str) -> Vec<(i64, i64)> {
        let sql = "SELECT position, type FROM event_log
                   WHERE type IN ('channel.joined', 'channel.left')
                     AND data->>'userId' = $1 AND data->>'channelId' = $2
                   ORDER BY position";
        let rows = self.0.query(sql, &[&person, &channel]).await.unwrap();
        let places: Vec<(i64, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let pairs = places.chunks(2).map(|pair| match pair {
            [(began, joined), (ended, left)]
                if joined == "channel.joined" && left == "channel.left" =>
            {
                (*began, *ended)
            }
            _ => panic!("no membership: {pair:?}"),
        });
        pairs.collect()
    }

    /// Where the log is, when everything that was committed is in it.
    pub async fn mark(&self) -> i64 {
        self.settle().await;
        let head = self.0.query_one("SELECT position FROM log_head", &[]).await.unwrap();
        head.get(0)
    }

    /// The facts that somebody left since a mark; not those that a worker, the
    /// sequencer or a refusal did.
    pub async fn left_since(&self, mark: i64) -> Vec<String> {
        self.settle().await;
        let sql = "SELECT type FROM event_log
                   WHERE position > $1 AND caused_by IS NULL
                     AND type NOT IN ('audit.sealed', 'access.refused')
                   ORDER BY position";
        let rows = self.0.query(sql, &[&mark]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Facts since a mark that stand in the log but not in the audit, or the
    /// other way round, against what `golden/events.txt` says of their kind.
    pub async fn untold(&self, mark: i64) -> Vec<String> {
        let sql = "SELECT e.type, cardinality(e.streams) > 0,
                          EXISTS (SELECT FROM audit_log a WHERE a.position = e.position
                                                            AND a.action = e.type)
                   FROM event_log e WHERE e.position > $1 ORDER BY e.position";
        let rows = self.0.query(sql, &[&mark]).await.unwrap();
        let kinds = std::fs::read_to_string(crate::golden::root().join("golden/events.txt"));
        let kinds = kinds.unwrap();
        let wrong = rows.iter().filter_map(|row| {
            let (kind, is_event, is_audited): (String, bool, bool) =
                (row.get(0), row.get(1), row.get(2));
            let line = kinds.lines().find(|line| line.split_whitespace().next() == Some(&kind));
            let Some(due) = line.and_then(|line| line.split_whitespace().nth(1)) else {
                return Some(format!(
                    "{kind} is not in golden/events.txt: run `cargo xtask golden`"
                ));
            };
            let is = match (is_event, is_audited) {
                (true, true) => "event+audit",
                (true, false) => "event",
                (false, true) => "audit",
                (false, false) => "control",
            };
            (is != due).then(|| format!("{kind} is {is}, {due} is said of it"))
        });
        wrong.collect()
    }

    /// The messages of a channel that were sent after a position, as they are.
    pub async fn messages_since(&self, channel: &str, since: i64) -> BTreeMap<String, String> {
        let channel: Uuid = channel.parse().unwrap();
        let sql = "SELECT m.id::text, m.content FROM messages m
                   JOIN event_log e ON e.type = 'message.sent' AND e.data->>'id' = m.id::text
                   WHERE m.channel_id = $1 AND m.deleted_at IS NULL AND e.position > $2";
        let rows = self.0.query(sql, &[&channel, &since]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The tasks of a channel that were made after a position: the title, the
    /// status and the version of each.
    pub async fn tasks_since(
        &self,
        channel: &str,
        since: i64,
    ) -> BTreeMap<String, (String, String, i64)> {
        let channel: Uuid = channel.parse().unwrap();
        let sql = "SELECT t.id::text, t.title, t.status, t.version::bigint FROM tasks t
                   JOIN event_log e ON e.type = 'task.created' AND e.data->>'id' = t.id::text
                   WHERE t.channel_id = $1 AND t.deleted_at IS NULL AND e.position > $2";
        let rows = self.0.query(sql, &[&channel, &since]).await.unwrap();
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3)))).collect()
    }

    /// The name of a channel, and how many are in it.
    pub async fn channel(&self, channel: &str) -> (String, i64) {
        let channel: Uuid = channel.parse().unwrap();
        let sql = "SELECT name, member_count::bigint FROM channels WHERE id = $1";
        let row = self.0.query_one(sql, &[&channel]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// What was said in a channel, each with its place in the log, in order.
    pub async fn contents_by_position(&self, channel: &str) -> Vec<(i64, String)> {
        let channel: Uuid = channel.parse().unwrap();
        let sql = "SELECT e.position, m.content FROM messages m
                   JOIN event_log e ON e.type = 'message.sent' AND e.data->>'id' = m.id::text
                   WHERE m.channel_id = $1 ORDER BY e.position";
        let rows = self.0.query(sql, &[&channel]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The number of rows of a table.
    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.0.query_one(&sql, &[]).await.unwrap().get(0)
    }
}

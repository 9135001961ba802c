//! The demo company on a real database.

use std::sync::Arc;

use sayso_auth::{Activity, AuthParts, AuthState, Hasher, Keys, Lifetimes, Memory, Rules};
use sayso_config::Settings;
use sayso_db::Sql;
use sayso_events::{Hub, Presence};
use sayso_kernel::Vault;
use sayso_testkit::{Node, TestCtx, TestDatabase, judge, root_key};
use sayso_users::password::HashLimits;
use sayso_web::{AppParts, AppState};

use super::*;

pub(crate) async fn auth(database: &TestDatabase) -> AuthState {
    let (stage, settings) = (TestCtx::new(), Settings::at("".into()));
    let app = AppState::new(AppParts {
        db: database.db().clone(),
        clock: stage.clock,
        random: stage.random.clone(),
        hub: Hub::new(1),
        presence: Presence::default(),
        cache: sayso_cache::Cache::off(),
    });
    let keys = Keys::derive(&root_key(), &["k".into()], Lifetimes::from(&settings.auth));
    let limits = HashLimits { cost: 4, threads_max: 2, queue_max: 64 };
    let hasher = Hasher::new(&root_key(), limits, stage.random);
    AuthState::new(AuthParts {
        app,
        keys: Arc::new(keys.expect("a key is derived")),
        hasher,
        activity: Activity::default(),
        memory: Memory::default(),
        vault: Arc::new(Vault::new(&root_key(), &[])),
        rules: Arc::new(Rules::default()),
    })
}

#[tokio::test]
async fn every_statement_prepares_against_the_real_schema() {
    let database = TestDatabase::new().await;
    let client = database.owner().await;

    let all: Vec<&Sql> = crate::repo::statements();
    for sql in all {
        let prepared = client.prepare(sql.text).await;
        assert!(prepared.is_ok(), "{}: {:?}", sql.name, prepared.err());
    }
}

#[tokio::test]
async fn the_company_is_as_large_as_it_says_and_its_log_tells_no_stories() {
    let database = TestDatabase::new().await;
    let node = Node::start(database.db());

    let logins = make(&auth(&database).await).await.expect("made").expect("nobody was here");

    judge::assert_settled(database.db()).await;
    let client = database.app().await;
    let count = async |what: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {what}");
        client.query_one(&sql, &[]).await.expect("a count").get(0)
    };
    assert_eq!(logins.len(), 5);
    assert_eq!(count("users WHERE role = 'ceo'").await, 1);
    assert_eq!(count("users WHERE role = 'manager'").await, 4);
    assert_eq!(count("users WHERE role = 'staff' AND manager_id IS NOT NULL").await, 25);
    assert_eq!(count("users WHERE password_hash IS NOT NULL").await, 5);
    assert_eq!(count("channels").await, 12);
    assert_eq!(count("tasks").await, 400);
    let open = "tasks WHERE status NOT IN ('done', 'cancelled')";
    assert!(count(&format!("{open} AND due_date < '2026-01-05'")).await > 5);
    assert!(count(&format!("{open} AND due_date > '2026-01-05'")).await > 20);
    assert!(count("messages").await > 1000);
    assert!(count("messages WHERE mentions <> '{}'").await > 20);
    assert!(count("tasks WHERE blocked").await > 5);
    let waiting = "tasks t WHERE blocked <> EXISTS (
        SELECT FROM task_dependencies d JOIN tasks o ON o.id = d.depends_on_id
        WHERE d.task_id = t.id AND d.type = 'blocks' AND o.status NOT IN ('done', 'cancelled'))";
    assert_eq!(count(waiting).await, 0);
    assert_eq!(count("tasks WHERE category_id IS NULL").await, 0);
    // Nothing is of the future, and nobody spoke before they came.
    assert_eq!(count("messages WHERE created_at > '2026-01-05 09:00Z'").await, 0);
    let early = "messages m JOIN channel_members c ON c.channel_id = m.channel_id
                 AND c.user_id = m.sender_id WHERE m.created_at < c.joined_at";
    assert_eq!(count(early).await, 0);
    // Every sender, creator and assignee is where they speak and work.
    let outside = "messages m WHERE NOT EXISTS (SELECT FROM channel_members c
                   WHERE c.channel_id = m.channel_id AND c.user_id = m.sender_id)";
    assert_eq!(count(outside).await, 0);
    let outside = "tasks t CROSS JOIN unnest(assigned_to || created_by) AS who
                   WHERE channel_id IS NOT NULL AND NOT EXISTS (SELECT FROM channel_members c
                   WHERE c.channel_id = t.channel_id AND c.user_id = who)";
    assert_eq!(count(outside).await, 0);
    let miscounted = "channels c WHERE member_count <> (SELECT count(*) FROM channel_members m
                      WHERE m.channel_id = c.id)";
    assert_eq!(count(miscounted).await, 0);
    // The members follow their channels; the log and the audit have one entry.
    let follows = "channel_members m JOIN follows f ON f.user_id = m.user_id
                   AND f.stream = 'channel:' || m.channel_id AND f.since_position = 1";
    assert_eq!(count(follows).await, count("channel_members").await);
    assert_eq!(count("event_log").await, 1);
    assert_eq!(count("audit_log WHERE action = 'company.seeded'").await, 1);
    node.stop().await;
}

#[tokio::test]
async fn it_is_the_same_company_every_time_and_comes_once() {
    let (one, two) = (TestDatabase::new().await, TestDatabase::new().await);
    let of_one = auth(&one).await;
    make(&of_one).await.expect("made").expect("nobody was here");
    make(&auth(&two).await).await.expect("made").expect("nobody was here");

    let mut sums = Vec::new();
    for database in [&one, &two] {
        let sql = "SELECT md5(string_agg(to_jsonb(t)::text, '' ORDER BY id)),
                          (SELECT md5(string_agg(to_jsonb(m)::text, '' ORDER BY id)) FROM messages m)
                   FROM tasks t";
        let row = database.app().await.query_one(sql, &[]).await.expect("a sum");
        sums.push((row.get::<_, String>(0), row.get::<_, String>(1)));
    }

    assert_eq!(sums[0], sums[1]);
    assert!(make(&of_one).await.expect("asked").is_none());
}

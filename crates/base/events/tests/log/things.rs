//! Things: rows with a version, whose changes leave facts.

use std::sync::Arc;

use parking_lot::Mutex;
use sayso_access::{Ctx, UserId};
use sayso_db::{Db, Fact, FactKind, Queries, Sql, Stream, Tx};
use sayso_events::{Event, Hub, Message};
use sayso_kernel::Fault;
use sayso_testkit::TestDatabase;
use serde_json::json;
use uuid::Uuid;

/// How many things there are.
pub const COUNT: i32 = 10;

pub static MOVED: FactKind = FactKind {
    name: "thing.moved",
    is_event: true,
    is_audited: true,
    stream: "its channel",
    summary: "A thing was moved",
};

pub static BROKEN: FactKind = FactKind {
    name: "thing.broken",
    is_event: true,
    is_audited: true,
    stream: "its channel",
    summary: "A thing was broken",
};

pub const BUMP: Sql = Sql::new(
    "things.bump",
    "UPDATE things SET version = version + 1 WHERE id = $1 RETURNING version",
);

/// A database with things in it.
pub async fn database() -> TestDatabase {
    let database = TestDatabase::new().await;
    database
        .change(&format!(
            "CREATE TABLE things (id int PRIMARY KEY, version int NOT NULL);
             INSERT INTO things SELECT id, 0 FROM generate_series(1, {COUNT}) AS id;
             GRANT SELECT, INSERT, UPDATE ON things TO sayso_app"
        ))
        .await;
    database
}

/// The stream of a thing.
pub fn stream(thing: i32) -> Stream {
    Stream::Channel(channel(thing))
}

pub fn channel(thing: i32) -> Uuid {
    Uuid::from_u128(u128::from(thing.unsigned_abs()))
}

pub fn fact(kind: &'static FactKind, thing: i32, version: i32) -> Fact {
    let data = json!({ "id": thing, "version": version });
    Fact::event(kind, vec![stream(thing)], version, &data).about("thing", channel(thing))
}

/// An event on the streams of several persons.
pub fn fact_for(people: &[UserId], version: i32) -> Fact {
    let streams = people.iter().map(|person| Stream::User(*person)).collect();
    Fact::event(&MOVED, streams, version, &json!({ "version": version }))
}

/// Moves a thing: one row, one fact.
pub async fn bump_in(tx: &mut Tx, thing: i32) -> Result<i32, Fault> {
    let row = tx.row(&BUMP, &[&thing]).await?.expect("the thing exists");
    let version = row.get(0);
    tx.emit(fact(&MOVED, thing, version));
    Ok(version)
}

pub async fn bump(db: &Db, ctx: &Ctx, thing: i32) -> Result<i32, Fault> {
    db.transaction(ctx, async move |tx, _| bump_in(tx, thing).await).await
}

pub async fn version(database: &TestDatabase, thing: i32) -> i32 {
    let client = database.app().await;
    let row = client.query_one("SELECT version FROM things WHERE id = $1", &[&thing]).await;
    row.unwrap().get(0)
}

/// Everything a hub tells, from now on.
#[derive(Clone, Default)]
pub struct Ear {
    events: Arc<Mutex<Vec<Arc<Event>>>>,
    resets: Arc<Mutex<usize>>,
}

impl Ear {
    pub fn listen(hub: &Hub) -> Self {
        let ear = Self::default();
        let (heard, mut messages) = (ear.clone(), hub.listen());
        tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                match message {
                    Message::Events(events) => heard.events.lock().extend(events.iter().cloned()),
                    Message::Reset => *heard.resets.lock() += 1,
                    Message::Ahead(_) => {}
                }
            }
        });
        ear
    }

    pub fn positions(&self) -> Vec<i64> {
        self.events.lock().iter().map(|event| event.position).collect()
    }

    pub fn versions(&self) -> Vec<i32> {
        self.events.lock().iter().map(|event| event.version).collect()
    }

    pub fn resets(&self) -> usize {
        *self.resets.lock()
    }
}

/// The head of the log.
pub async fn head(database: &TestDatabase) -> i64 {
    let row = database.app().await.query_opt("SELECT position FROM log_head", &[]).await.unwrap();
    row.map_or(0, |row| row.get(0))
}

/// Versions of a thing in the order of the log.
pub async fn logged_versions(database: &TestDatabase, thing: i32) -> Vec<i32> {
    let sql = "SELECT e.version FROM event_streams s JOIN event_log e USING (position)
               WHERE s.stream = $1 ORDER BY s.seq";
    let rows = database.app().await.query(sql, &[&stream(thing).to_string()]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

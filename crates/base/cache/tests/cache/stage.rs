//! Nodes with a cache each, on one database and, where the test wants it, one
//! Redis; and things that they read.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sayso_access::Ctx;
use sayso_cache::{Cache, CacheParts, Codec, Entity, Key, Loaded};
use sayso_config::Cache as Settings;
use sayso_db::{Db, DbLimits, Fact, FactKind, Queries, Sql, Stream, Tx};
use sayso_events::{Hub, Kept};
use sayso_kernel::Fault;
use sayso_redis::{Redis, RedisLimits};
use sayso_testkit::{BusSetup, Candidate, Node, TestCtx, TestDatabase, TestRedis, until};
use serde_json::json;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub const SOON: Duration = Duration::from_secs(30);
/// A task was edited, as the cache's table knows it.
pub const TASK: FactKind = kind("task.updated");
/// The same of a person.
pub const USER: FactKind = kind("user.updated");
/// The same of a message.
pub const MESSAGE: FactKind = kind("message.edited");
/// Something that the table has no word for.
pub const UNKNOWN: FactKind = kind("gadget.invented");

const TEXTS: &str = "CREATE TABLE texts (id uuid PRIMARY KEY, body text NOT NULL)";
const READ: Sql = Sql::new("texts.read", "SELECT body FROM texts WHERE id = $1");
const WRITE: Sql = Sql::new(
    "texts.write",
    "INSERT INTO texts VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
);
const REMOVE: Sql = Sql::new("texts.remove", "DELETE FROM texts WHERE id = $1");

const fn kind(name: &'static str) -> FactKind {
    FactKind { name, is_event: true, is_audited: false, stream: "company", summary: "For tests." }
}

pub const TEXT: Codec<String> = Codec {
    encode: |text| text.clone().into_bytes(),
    decode: |bytes| {
        let text = String::from_utf8(bytes.to_vec()).ok()?;
        text.starts_with("text ").then_some(text)
    },
};

/// One database with a table of texts, and perhaps a Redis.
pub struct Stage {
    pub database: TestDatabase,
    pub ctx: TestCtx,
    redis: Option<(String, String)>,
}

/// One of its nodes.
pub struct OneNode {
    pub cache: Cache,
    pub db: Db,
    pub hub: Hub,
    node: Mutex<Option<Node>>,
    pub redis: Option<Redis>,
    pub loads: AtomicU32,
    stop: CancellationToken,
}

impl Drop for OneNode {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Stage {
    pub async fn alone() -> Self {
        Self::made(None).await
    }

    /// Nodes that share this Redis.
    pub async fn on_redis(url: &str) -> Self {
        Self::made(Some((url.to_owned(), TestRedis::own_prefix()))).await
    }

    async fn made(redis: Option<(String, String)>) -> Self {
        let database = TestDatabase::new().await;
        let grant = "; GRANT SELECT, INSERT, UPDATE, DELETE ON texts TO PUBLIC";
        database.change(&format!("{TEXTS}{grant}")).await;
        Self { database, ctx: TestCtx::new(), redis }
    }

    /// Starts a node, and waits until it serves.
    pub async fn node(&self, seed: u64) -> OneNode {
        let db = self.database.another_db(&DbLimits::from(&Default::default()));
        let (candidate, redis) = match &self.redis {
            None => (Candidate::seeded(&db, seed), None),
            Some((url, prefix)) => {
                let (url, prefix) = (url.clone(), prefix.clone());
                let poll = Duration::from_millis(50);
                let setup = BusSetup { url, prefix, poll, kept: Kept::default() };
                let limits =
                    RedisLimits { timeout: Duration::from_secs(1), prefix: setup.prefix.clone() };
                let redis = Redis::new(&setup.url, limits).expect("the URL can be read");
                (Candidate::on_bus(&db, seed, &setup), Some(redis))
            }
        };
        let stop = CancellationToken::new();
        let cache = Cache::new(CacheParts {
            settings: Settings::default(),
            hub: candidate.hub.clone(),
            db: db.clone(),
            redis: redis.clone(),
            clock: self.ctx.clock.clone(),
            random: self.ctx.random.clone(),
        });
        cache.follow(&db);
        tokio::spawn(cache.clone().run(stop.clone()));
        let hub = candidate.hub.clone();
        // Longer than any pause of a busy machine.
        hub.trust_for(SOON);
        let node = Mutex::new(Some(candidate.start()));
        if let Some(redis) = &redis {
            tokio::spawn(redis.clone().keep(stop.clone()));
            until("Redis", SOON, async || redis.is_up().then_some(())).await;
        }
        until("a fresh view", SOON, async || hub.is_fresh().then_some(())).await;
        OneNode { cache, db, hub, node, redis, loads: AtomicU32::new(0), stop }
    }

    pub fn ctx(&self) -> Ctx {
        self.ctx.system()
    }
}

impl OneNode {
    /// Writes a text, and leaves a fact about it.
    pub async fn write(&self, stage: &Stage, fact: &'static FactKind, id: Uuid, body: &str) {
        let subject = fact.name.split('.').next().expect("a name has a first part");
        let work = async move |tx: &mut Tx, _: &Ctx| {
            tx.rows(&WRITE, &[&id, &body]).await?;
            let data = json!({ "id": id });
            tx.emit(Fact::event(fact, vec![Stream::Company], 1, &data).about(subject, id));
            Ok(())
        };
        self.db.transaction(&stage.ctx(), work).await.expect("written");
    }

    /// Removes a text, and leaves a fact about it.
    pub async fn remove(&self, stage: &Stage, fact: &'static FactKind, id: Uuid) {
        let work = async move |tx: &mut Tx, _: &Ctx| {
            tx.rows(&REMOVE, &[&id]).await?;
            tx.emit(Fact::event(fact, vec![Stream::Company], 1, &json!({ "id": id })));
            Ok(())
        };
        self.db.transaction(&stage.ctx(), work).await.expect("removed");
    }

    /// Reads a text through the cache.
    pub async fn read(&self, key: Key, id: Uuid) -> Option<String> {
        let found = self.cache.get_or_load(key, || self.load(id, None)).await.expect("read");
        found.map(|text| String::clone(&text))
    }

    /// The same of what other nodes are told of.
    pub async fn read_shared(&self, key: Key, id: Uuid) -> Option<String> {
        let load = || self.load(id, None);
        let found = self.cache.get_or_load_shared(key, (&TEXT, &[]), load).await.expect("read");
        found.map(|text| String::clone(&text))
    }

    /// Reads from the database; what was read is handed on when the gate lets
    /// it through.
    pub async fn load(&self, id: Uuid, gate: Option<&Gate>) -> Result<Loaded<String>, Fault> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let row = self.db.read().row(&READ, &[&id]).await?;
        if let Some(gate) = gate {
            gate.read.add_permits(1);
            gate.go.acquire().await.expect("never closed").forget();
        }
        Ok(Loaded::perhaps(row.map(|row| row.get(0)), |_| 100))
    }

    pub fn loads(&self) -> u32 {
        self.loads.load(Ordering::SeqCst)
    }

    /// A number of the statistics.
    pub fn stat(&self, entity: Entity, field: &str) -> u64 {
        let stats = serde_json::to_value(self.cache.stats()).expect("plain JSON");
        let all = stats["entities"].as_array().expect("a list").clone();
        let one =
            all.into_iter().find(|one| one["entity"] == entity.name()).expect("each is there");
        one[field].as_u64().unwrap_or_else(|| panic!("no {field} in {one}"))
    }

    /// Waits until this node has applied everything and knows it.
    pub async fn settle(&self) {
        let now = self.hub.moment();
        until("this node to know all", SOON, async || self.hub.knows_of(now).then_some(())).await;
    }

    /// It reads the log no more, and knows that what it knows grows old.
    pub async fn cast_off(&self) {
        let node = self.node.lock().await.take().expect("it still reads the log");
        node.stop().await;
        self.hub.trust_for(Duration::from_millis(1));
        until("the view to grow old", SOON, async || (!self.hub.is_fresh()).then_some(())).await;
    }
}

/// Holds a read between the database and the cache.
pub struct Gate {
    pub read: Semaphore,
    pub go: Semaphore,
}

impl Gate {
    pub fn closed() -> Self {
        Self { read: Semaphore::new(0), go: Semaphore::new(0) }
    }

    /// Waits until somebody has read.
    pub async fn was_read(&self) {
        self.read.acquire().await.expect("never closed").forget();
    }

    pub fn open(&self) {
        self.go.add_permits(1);
    }
}

pub fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub fn task(number: u128) -> Key {
    Key::of(Entity::Task, id(number)).read_by(id(999))
}

pub fn user(number: u128) -> Key {
    Key::of(Entity::User, id(number))
}

//! Two nodes of one company: one PostgreSQL, one Redis, two processes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sayso_db::tokio_postgres::Config;
use sayso_testkit::{Client, Process, ProcessSetup, Sockets, TestDatabase, TestRedis, until};
use serde_json::json;

use crate::clients::metric;
use crate::company::Company;
use crate::truth::Truth;

const SOON: Duration = Duration::from_secs(30);
/// A socket that has to go is gone by then, on whichever node it is,
const GONE_WITHIN: Duration = Duration::from_secs(1);
/// and so many times what an event takes on this machine.
const BUSY: u32 = 5;
/// Such events that are looked at: a machine that is busy is so by fits.
const MEASURED: usize = 3;

/// Waits until the nodes at which somebody is have applied everything that was
/// committed.
pub async fn settle(config: &Config, somebody: &[Client]) {
    let head = Truth::of(config).await.mark().await;
    for node in somebody {
        until("a node to know all", SOON, async || {
            let ready = node.get("/health/ready").await;
            let position = ready.body["checks"]["position"].as_str()?;
            let applied: i64 = position.split_once(':')?.1.parse().ok()?;
            (applied >= head).then_some(())
        })
        .await;
    }
}

/// The company at its first node, and the second.
pub struct Cluster {
    pub company: Company,
    pub second: Process,
    pub redis: TestRedis,
    pub database: TestDatabase,
}

impl Cluster {
    /// Starts both nodes, and lets everybody in at the first.
    pub async fn found() -> Self {
        Self::with(|setup| setup, |setup, _| setup).await
    }

    /// The same with settings for both nodes, and others for the second, which
    /// may find Redis elsewhere.
    pub async fn with(
        both: impl Fn(ProcessSetup) -> ProcessSetup,
        only_second: impl FnOnce(ProcessSetup, &TestRedis) -> ProcessSetup,
    ) -> Self {
        let (database, redis) = Self::stores().await;
        Self::on(database, redis, both, only_second).await
    }

    /// What the nodes share.
    pub async fn stores() -> (TestDatabase, TestRedis) {
        tokio::join!(TestDatabase::new(), TestRedis::start(&[]))
    }

    /// As [`Cluster::with`], on these.
    pub async fn on(
        database: TestDatabase,
        redis: TestRedis,
        both: impl Fn(ProcessSetup) -> ProcessSetup,
        only_second: impl FnOnce(ProcessSetup, &TestRedis) -> ProcessSetup,
    ) -> Self {
        let setup = || both(ProcessSetup::on(&database).on_redis(&redis.url(), "sayso"));
        // The first leads, since it is there before the second, which starts while
        // the first lets the others in.
        let second = Process::start(only_second(setup(), &redis));
        let (company, second) = Company::found_beside(setup(), second).await;
        let cluster = Self { company, second, redis, database };
        let ceo = &cluster.company.ceo;
        // What is volatile is heard now or never.
        for node in [ceo, &cluster.there(ceo)] {
            until("a node to hear the other", SOON, async || {
                (metric(node, "sayso_bus_listening ").await == 1.0).then_some(())
            })
            .await;
        }
        cluster
    }

    /// Waits until both nodes have applied everything that was committed.
    pub async fn settle(&self) {
        let ceo = &self.company.ceo;
        settle(&self.database.app_config(), &[ceo.clone(), self.there(ceo)]).await;
    }

    /// In which time a session that ends is gone here, with its sockets: what is
    /// promised, and what this machine needs beyond it, measured by the slowest of
    /// some events that go to these sockets through the same log, database and
    /// clients.
    pub async fn gone_within(&self, sockets: &Sockets, ids: [&str; 2]) -> Duration {
        static NAMED: AtomicU32 = AtomicU32::new(0);
        let mut slowest = Duration::ZERO;
        for _ in 0..MEASURED {
            let before = ids.map(|id| sockets.last_position(id));
            let name = format!("how long it takes {}", NAMED.fetch_add(1, Ordering::Relaxed));
            let name = json!({ "name": name, "kind": "public" });
            let started = Instant::now();
            self.company.ceo.post("/api/channels", name).await.expect(201);
            for (id, before) in ids.into_iter().zip(before) {
                let heard = async || (sockets.last_position(id) > before).then_some(());
                until("the event", SOON, heard).await;
            }
            slowest = slowest.max(started.elapsed());
        }
        GONE_WITHIN + slowest * BUSY
    }

    /// A person at the second node.
    pub fn there(&self, person: &Client) -> Client {
        person.through(&self.second.url())
    }

    /// Everybody at both nodes, in turn.
    pub fn everybody(&self) -> Vec<(String, Client)> {
        let people = self.company.everybody();
        let at_both = people.iter().flat_map(|(name, person)| {
            let here = (format!("{name} here"), (*person).clone());
            [here, (format!("{name} there"), self.there(person))]
        });
        at_both.collect()
    }
}

//! Two nodes of one company: one PostgreSQL, one Redis, two processes.

use std::time::Duration;

use sayso_testkit::{Client, Process, ProcessSetup, TestDatabase, TestRedis, until};

use crate::clients::metric;
use crate::company::Company;
use crate::truth::Truth;

const SOON: Duration = Duration::from_secs(30);

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
        (TestDatabase::new().await, TestRedis::start(&[]).await)
    }

    /// As [`Cluster::with`], on these.
    pub async fn on(
        database: TestDatabase,
        redis: TestRedis,
        both: impl Fn(ProcessSetup) -> ProcessSetup,
        only_second: impl FnOnce(ProcessSetup, &TestRedis) -> ProcessSetup,
    ) -> Self {
        let setup = || both(ProcessSetup::on(&database).on_redis(&redis.url(), "sayso"));
        let company = Company::found(setup()).await;
        let second = Process::start(only_second(setup(), &redis)).await;
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
        let head = Truth::of(&self.database.app_config()).await.mark().await;
        for node in [ceo, &self.there(ceo)] {
            until("a node to know all", SOON, async || {
                let ready = node.get("/health/ready").await;
                let position = ready.body["checks"]["position"].as_str()?;
                let applied: i64 = position.split_once(':')?.1.parse().ok()?;
                (applied >= head).then_some(())
            })
            .await;
        }
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

//! How long each statement takes on the server, as it tells itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sayso_db::Sql;
use sayso_kernel::Random;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::company::Company;
use crate::draw::{Pools, Text};
use crate::explain;
use crate::params::Params;

/// How often each statement is asked, each time with other parameters.
const TIMES: usize = 1000;
/// How often before that, to have what it reads in memory.
const WARM: usize = 100;
/// What no execution of a warm statement may take.
const MILLIS_MAX: f64 = 50.0;
/// How often it is measured when it took longer: what is slow of itself is slow
/// each time, what another process held up is not.
const TRIES: usize = 8;
/// After so long no more is asked of a statement that is much too slow.
const PATIENCE: Duration = Duration::from_secs(120);

const TAKEN: &str = "SELECT calls, mean_exec_time, max_exec_time, rows,
           shared_blks_hit + shared_blks_read
    FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND calls > 1
    ORDER BY calls DESC, total_exec_time DESC LIMIT 1";

struct Taken {
    calls: i64,
    mean: f64,
    max: f64,
    rows: f64,
    pages: f64,
    /// How many rounds it took until one was quick enough.
    rounds: usize,
}

/// What was measured of all statements.
pub struct Report {
    taken: BTreeMap<&'static str, Taken>,
    scans: Vec<String>,
    refused: Vec<String>,
}

/// Where the report stands.
pub fn path() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/plans.md").into()
}

/// Measures all statements, or those whose name contains `only`.
pub async fn all(company: &Company, only: Option<&str>) -> Report {
    let (params, client, watch) = (Params::read(), company.client().await, company.client().await);
    watch.batch_execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await.unwrap();
    let pools = Pools::of(&params, &client).await;
    let large = explain::large_tables(&client).await;
    let mut report = Report { taken: BTreeMap::new(), scans: Vec::new(), refused: Vec::new() };
    for sql in sayso_api::catalog::statements() {
        if !only.is_none_or(|part| sql.name.contains(part)) {
            continue;
        }
        let plan = explain::generic_plan(&client, sql).await;
        report.scans.extend(explain::scan_of_a_large_table(sql, &plan, &large));
        let (words, random) = (params.of(sql.name), Random::seeded(1));
        let sets: Vec<_> = (0..TIMES).map(|_| pools.draw(&words, &random)).collect();
        let asked = Asked { client: &client, watch: &watch, sql, sets: &sets };
        let taken = match asked.measured().await {
            Ok(taken) => taken,
            Err(refused) => {
                eprintln!("{refused}");
                report.refused.push(refused);
                continue;
            }
        };
        eprintln!("{:<44} mean {:8.3} ms  max {:8.3} ms", sql.name, taken.mean, taken.max);
        report.taken.insert(sql.name, taken);
    }
    report
}

struct Asked<'a> {
    client: &'a Client,
    watch: &'a Client,
    sql: &'a Sql,
    sets: &'a [Vec<Text>],
}

impl Asked<'_> {
    /// Once to warm up, then as often as it takes.
    async fn measured(&self) -> Result<Taken, String> {
        self.run(&self.sets[..WARM]).await?;
        let mut best: Option<Taken> = None;
        for round in 1..=TRIES {
            self.watch.execute("SELECT pg_stat_statements_reset()", &[]).await.unwrap();
            self.run(self.sets).await?;
            let taken = self.taken().await;
            if best.as_ref().is_none_or(|best| taken.max < best.max) {
                best = Some(Taken { rounds: round, ..taken });
            }
            let is_clear = |best: &Taken| best.max < MILLIS_MAX || best.mean >= MILLIS_MAX / 2.0;
            if best.as_ref().is_some_and(is_clear) {
                break;
            }
        }
        Ok(best.unwrap())
    }

    /// All of some sets of parameters, each in a transaction that is rolled back. All of
    /// it is sent at once, so that little time is lost between the statements.
    async fn run(&self, sets: &[Vec<Text>]) -> Result<(), String> {
        let name = self.sql.name;
        let (statement, began) =
            (self.client.prepare(self.sql.text).await.unwrap(), Instant::now());
        for values in sets.iter().take_while(|_| began.elapsed() < PATIENCE) {
            let values: Vec<&(dyn ToSql + Sync)> =
                values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            let (begun, outcome, ended) = tokio::join!(
                self.client.batch_execute("BEGIN"),
                self.client.query(&statement, &values),
                self.client.batch_execute("ROLLBACK")
            );
            begun.and(ended).unwrap();
            outcome.map_err(|error| format!("{name} {values:?}: {error:?}"))?;
        }
        Ok(())
    }

    async fn taken(&self) -> Taken {
        let row = self.watch.query_opt(TAKEN, &[]).await.unwrap();
        let row = row.unwrap_or_else(|| panic!("{} was not seen by PostgreSQL", self.sql.name));
        let calls: i64 = row.get(0);
        #[expect(clippy::cast_precision_loss, reason = "counts of a test are small")]
        let each = |at: usize| row.get::<_, i64>(at) as f64 / calls as f64;
        Taken { calls, mean: row.get(1), max: row.get(2), rows: each(3), pages: each(4), rounds: 1 }
    }
}

impl Report {
    /// What is not as it should be, in sentences.
    pub fn wrong(&self) -> Vec<String> {
        let slow = self.taken.iter().filter(|(_, taken)| taken.max >= MILLIS_MAX);
        let slow = slow.map(|(name, taken)| {
            format!("{name} took {:.1} ms, and may take {MILLIS_MAX} ms", taken.max)
        });
        let asked = i64::try_from(TIMES).unwrap();
        let few = self.taken.iter().filter(|(_, taken)| taken.calls < asked);
        let few =
            few.map(|(name, taken)| format!("{name} could be asked {} times only", taken.calls));
        slow.chain(few).chain(self.scans.iter().chain(&self.refused).cloned()).collect()
    }

    /// The report as it is committed.
    pub fn text(&self, size: &str) -> String {
        let slowest = self.taken.values().map(|taken| taken.max).fold(0.0, f64::max);
        let again: Vec<_> = self.taken.iter().filter(|(_, taken)| taken.rounds > 1).collect();
        let again: Vec<_> =
            again.iter().map(|(name, taken)| format!("{name} ({})", taken.rounds)).collect();
        let again = if again.is_empty() { "none".to_owned() } else { again.join(", ") };
        let mut text = format!(
            "# How long statements take\n\nMade by `make plans`. The company: {size}.\nEach named \
             statement was prepared, planned\nwithout its parameters (`force_generic_plan`), and \
             asked {TIMES} times with random ones, warm, after\n{WARM} that were not counted. Times \
             are the server's own (`pg_stat_statements`). No plan reads a\ntable of 10,000 rows or \
             more from end to end; the slowest execution of all took {slowest:.1} ms.\nWhat takes \
             {MILLIS_MAX} ms once is asked in another round, up to {TRIES}, of which the best stands \
             here: so it was with {again}.\nWith what each was asked stands in \
             `crates/edge/cli/tests/plans/params.txt`.\n\n\
             | statement | executions | mean ms | max ms | rows | pages |\n\
             |---|---:|---:|---:|---:|---:|\n"
        );
        for (name, taken) in &self.taken {
            let Taken { calls, mean, max, rows, pages, .. } = taken;
            let _ = writeln!(
                text,
                "| {name} | {calls} | {mean:.3} | {max:.2} | {rows:.1} | {pages:.0} |"
            );
        }
        text
    }
}

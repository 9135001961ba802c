//! What the program is told, all of it on the command line.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// What to measure, where, and how long.
#[derive(Clone, Debug)]
pub struct Args {
    /// The binary of the server.
    pub sayso: PathBuf,
    /// The folder of the peer.
    pub peer: PathBuf,
    /// Node.js, which runs the peer.
    pub node: PathBuf,
    /// A PostgreSQL, as its superuser.
    pub database_url: String,
    /// A Redis.
    pub redis_url: String,
    /// The process of PostgreSQL.
    pub postgres_pid: i32,
    /// The process of Redis.
    pub redis_pid: i32,
    /// PostgreSQL's programs.
    pub postgres_bin: PathBuf,
    /// Where the report and its plots go.
    pub out: PathBuf,
    /// What the report says of the code: a commit.
    pub commit: String,
    /// And the day.
    pub date: String,
    /// How much is measured.
    pub plan: Plan,
    /// Only the parts whose name contains this.
    pub only: Option<String>,
    /// Settings of the server besides the usual ones, as `NAME=value`.
    pub settings: Vec<(String, String)>,
    /// The setting that switches the cache off, when there is one.
    pub cache_off: Option<(String, String)>,
}

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// How often the servers take turns.
    pub rounds: usize,
    /// Before each measurement.
    pub warm_up: Duration,
    /// Each measurement.
    pub window: Duration,
    /// Tasks of the company in which most is measured.
    pub tasks: u64,
    /// Tasks of the companies that show how cost grows.
    pub sizes: &'static [u64],
    /// Sockets that hear the same.
    pub sockets: &'static [usize],
    /// Sockets that come back at once.
    pub storm: usize,
    /// Under twice of what saturates it.
    pub overload: Duration,
}

/// In less than ten minutes.
const QUICK: Plan = Plan {
    name: "bench",
    rounds: 2,
    warm_up: Duration::from_millis(700),
    window: Duration::from_millis(2_000),
    tasks: 100_000,
    sizes: &[1_000],
    sockets: &[50, 500, 2_000],
    storm: 1_000,
    overload: Duration::from_secs(8),
};

/// Everything.
const FULL: Plan = Plan {
    name: "bench-full",
    rounds: 5,
    warm_up: Duration::from_secs(2),
    window: Duration::from_secs(6),
    tasks: 100_000,
    sizes: &[1_000, 1_000_000],
    sockets: &[50, 500, 2_000],
    storm: 1_000,
    overload: Duration::from_secs(30),
};

impl Args {
    /// Reads `--name value` pairs; `--set` may come several times.
    pub fn read(words: impl Iterator<Item = String>) -> Result<Self> {
        let (mut known, mut settings) = (HashMap::new(), Vec::new());
        let mut words = words;
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").with_context(|| format!("what is {word}?"))?;
            let value = words.next().with_context(|| format!("{word} takes a value"))?;
            if name == "set" {
                settings.push(pair(&value)?);
            } else {
                known.insert(name.to_owned(), value);
            }
        }
        let plan = match known.remove("plan").as_deref() {
            None | Some("bench") => QUICK,
            Some("bench-full") => FULL,
            Some(other) => bail!("there is no plan {other}"),
        };
        let mut take = |name: &str| {
            known.remove(name).with_context(|| format!("--{name} is missing; run scripts/bench"))
        };
        let args = Self {
            sayso: take("sayso")?.into(),
            peer: take("peer")?.into(),
            node: take("node")?.into(),
            database_url: take("database-url")?,
            redis_url: take("redis-url")?,
            postgres_pid: take("postgres-pid")?.parse()?,
            redis_pid: take("redis-pid")?.parse()?,
            postgres_bin: take("postgres-bin")?.into(),
            out: take("out")?.into(),
            commit: take("commit")?,
            date: take("date")?,
            plan,
            only: take("only").ok(),
            settings,
            cache_off: take("cache-off").ok().map(|text| pair(&text)).transpose()?,
        };
        ensure!(known.is_empty(), "what is {:?}?", known.keys());
        Ok(args)
    }

    /// Whether a part is wanted.
    pub fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.split(',').any(|one| part.contains(one)))
    }
}

fn pair(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').with_context(|| format!("{text} has no `=`"))?;
    Ok((name.to_owned(), value.to_owned()))
}

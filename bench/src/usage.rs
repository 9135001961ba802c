//! What processes use, as the kernel counts it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The kernel tells CPU in hundredths of a second.
const TICK_MS: f64 = 10.0;
const PAGE_KIB: u64 = 4;

/// The processes of a server that are looked at together.
#[derive(Clone, Copy, Debug)]
pub struct Processes {
    /// The server that is called.
    pub server: i32,
    /// The first process of PostgreSQL.
    pub postgres: i32,
    /// Redis.
    pub redis: i32,
}

/// CPU that was used so far, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// By the server.
    pub server: f64,
    /// By all processes of PostgreSQL, those that ended included.
    pub postgres: f64,
    /// By Redis.
    pub redis: f64,
}

impl Cpu {
    /// What was used since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            server: self.server - before.server,
            postgres: self.postgres - before.postgres,
            redis: self.redis - before.redis,
        }
    }
}

impl Processes {
    /// What they have used so far.
    pub fn cpu(self) -> Result<Cpu> {
        Ok(Cpu {
            server: of_threads(self.server)?,
            postgres: with_children(self.postgres)?,
            redis: of_threads(self.redis)?,
        })
    }

    /// Memory of the server, in KiB.
    pub fn resident(self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.server))?;
        let pages = text.split(' ').nth(1).context("statm has a resident size")?;
        Ok(pages.parse::<u64>()? * PAGE_KIB)
    }
}

/// CPU of all threads of a process, finer than a hundredth of a second.
fn of_threads(pid: i32) -> Result<f64> {
    let mut sum = 0.0;
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .with_context(|| format!("the process {pid} has ended"))?;
    for thread in threads {
        // One may end while it is looked at.
        sum += run_nanos(&thread?.path()).unwrap_or(0.0) / 1e6;
    }
    Ok(sum)
}

fn run_nanos(folder: &Path) -> Result<f64> {
    let text = fs::read_to_string(folder.join("schedstat"))?;
    Ok(text.split(' ').next().context("schedstat has a first number")?.parse()?)
}

/// A line of `/proc/<pid>/stat`, as far as it matters.
struct Stat {
    parent: i32,
    ended_children: f64,
}

impl Stat {
    fn of(pid: i32) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("the process {pid} has ended"))?;
        // The name, in parentheses, may hold anything.
        let (_, rest) = text.rsplit_once(") ").context("a stat has a name")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |at: usize| -> Result<f64> {
            Ok(fields.get(at).context("a stat has its fields")?.parse()?)
        };
        Ok(Self {
            parent: fields.get(1).context("a stat has a parent")?.parse()?,
            ended_children: (number(13)? + number(14)?) * TICK_MS,
        })
    }
}

/// CPU of a process, of its children, and of those that have ended.
fn with_children(pid: i32) -> Result<f64> {
    let mut sum = of_threads(pid)? + Stat::of(pid)?.ended_children;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(child) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // One may end while it is looked at.
        if let Ok(stat) = Stat::of(child)
            && stat.parent == pid
        {
            sum += of_threads(child).unwrap_or(0.0);
        }
    }
    Ok(sum)
}

/// CPU of the thread that asks, in microseconds.
pub fn thread_micros() -> Result<f64> {
    Ok(run_nanos(Path::new("/proc/thread-self"))? / 1e3)
}

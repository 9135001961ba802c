//! The statements that Sayso asked, asked again by pgbench: what PostgreSQL needs
//! for them when nothing but a C program is in front of it.
//!
//! Their text is read from `pg_stat_statements` after the load, so they are the
//! ones that were asked; their parameters are written here.

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use tokio_postgres::Client as Database;

use crate::args::Args;
use crate::company::Company;
use crate::server::Stock;
use crate::usage::Processes;

/// Clients and seconds of pgbench.
const CLIENTS: u32 = 8;
const SECONDS: u32 = 3;

/// A statement, and what it came to.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it is for.
    pub name: &'static str,
    /// CPU of PostgreSQL, in milliseconds.
    pub postgres_ms: f64,
}

/// A statement: what it is for, words that only it has, and as SQL its parameters
/// and then, in their order, its constants, which come back as parameters too.
struct Known {
    name: &'static str,
    words: &'static str,
    parameters: Vec<String>,
}

fn known(company: &Company) -> Vec<Known> {
    let me = company.person(0);
    let id = |value: &str| format!("'{value}'::uuid");
    let nothing = |count: usize| vec!["NULL".to_owned(); count];
    let mut list = nothing(17);
    list[0] = id(&me.id);
    list[10] = "now()".to_owned();
    list[13] = "'infinity'".to_owned();
    list[14] = "'ffffffff-ffff-ffff-ffff-ffffffffffff'".to_owned();
    list[15] = "21".to_owned();
    let written = ["0", "'{}'", "5000", "'public'", "false", "'done'", "'cancelled'"];
    list.extend(written.map(str::to_owned));
    vec![
        Known {
            name: "get",
            words: "%line.ids @> ARRAY[t.created_by]%t.deleted_at IS NULL%",
            parameters: vec![id(&me.id), id(&company.tasks[0]), "0".into(), "'{}'".into()],
        },
        Known {
            name: "list",
            words: "%FROM tasks t WHERE t.deleted_at IS NULL AND (t.created_at, t.id) <%",
            parameters: list,
        },
    ]
}

/// Asks each of them for some seconds.
pub async fn measure(args: &Args, stock: &Stock, company: &Company) -> Result<Vec<Asked>> {
    let db = stock.database().await?;
    let mut asked = Vec::new();
    for known in known(company) {
        let Some(text) = text_of(&db, &known).await? else {
            eprintln!("no statement like {} was asked", known.words);
            continue;
        };
        asked.push(ask(args, stock, known.name, &text).await?);
    }
    Ok(asked)
}

/// The statement as it was asked most, with its parameters in it.
async fn text_of(db: &Database, known: &Known) -> Result<Option<String>> {
    db.batch_execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await?;
    let sql = "SELECT s.query FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
               WHERE d.datname = current_database() AND s.query LIKE $1
               ORDER BY s.calls DESC LIMIT 1";
    let Some(row) = db.query_opt(sql, &[&known.words]).await? else { return Ok(None) };
    let mut text: String = row.get(0);
    // From the last, so that $1 is not taken for the beginning of $10.
    for (at, value) in known.parameters.iter().enumerate().rev() {
        text = text.replace(&format!("${}", at + 1), value);
    }
    Ok(Some(text))
}

async fn ask(args: &Args, stock: &Stock, name: &'static str, text: &str) -> Result<Asked> {
    let script = std::env::temp_dir().join(format!("sayso-bench-{}.sql", std::process::id()));
    // A line of pgbench is a statement only up to its semicolon.
    std::fs::write(&script, format!("{};\n", text.trim_end().trim_end_matches(';')))?;
    let pids =
        Processes { server: args.postgres_pid, postgres: args.postgres_pid, redis: args.redis_pid };
    let before = pids.cpu()?;
    let output = Command::new(args.postgres_bin.join("pgbench"))
        .args(["-n", "-M", "prepared", "-c", &CLIENTS.to_string(), "-T", &SECONDS.to_string()])
        .arg("-f")
        .arg(&script)
        .arg(stock.url()?)
        .output()
        .await
        .context("pgbench")?;
    let cpu = pids.cpu()?.since(before);
    let _ = std::fs::remove_file(&script);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let number = |mark: &str| -> Option<f64> {
        told.split_once(mark)?.1.split([' ', '\n', '/']).next()?.parse().ok()
    };
    let count = number("actually processed: ").context("pgbench counts")?;
    Ok(Asked { name, postgres_ms: cpu.postgres / count })
}

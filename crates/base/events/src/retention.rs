//! The log does not grow for ever: what is old is dropped, whole ranges of
//! positions at a time.
//!
//! A range goes when its last event is older than the log is kept, and when
//! every durable consumer is past it; one that is too far behind is not waited
//! for, with an alarm. It is detached without holding up whoever reads or
//! writes, which PostgreSQL does outside of transactions only and for the owner
//! of the table only, so this has a connection of its own. Whatever is left half
//! done (a node died over it) is finished the next time.
//!
//! The events go first: how far back the log reaches is read from them, and
//! nobody is let in before that. The heads of the streams stay for ever.

use std::time::Duration;

use sayso_db::DbError;
use sayso_db::tokio_postgres::{Client, Config, NoTls, Row};
use sayso_kernel::{Clock, Timestamp};
use tokio_util::sync::CancellationToken;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A consumer that is further behind is not waited for.
const BEHIND_MAX: i64 = 5_000_000;
/// Events of a range, as `log_ensure_partitions` makes them.
const SPAN: i64 = 250_000;
/// How long one statement may take: a detach waits for whoever reads.
const STATEMENT_TIMEOUT_MS: u32 = 120_000;

/// One node at a time.
const LOCK: &str = "SELECT pg_try_advisory_lock(7240115314)";

/// The two tables that are kept in ranges.
const LOG: &str = "event_log";
const STREAMS: &str = "event_streams";

/// The ranges: their tables, whether they are part of the log, and whether a
/// detach was begun.
const RANGES: &str = "
    SELECT c.relname::text, i.inhparent IS NOT NULL, coalesce(i.inhdetachpending, false)
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
      AND c.relname ~ '^event_(log|streams)_[0-9]+$'";

/// Where the log ends, and the consumer that is furthest behind.
const ENDS: &str = "
    SELECT h.position, (SELECT min(c.position) FROM consumers c) FROM log_head h";

/// A range of one of the two tables.
#[derive(Debug)]
struct Range {
    table: String,
    parent: &'static str,
    low: i64,
    is_attached: bool,
    is_pending: bool,
}

/// Drops what is old.
#[derive(Debug)]
pub struct Retention {
    owner: Config,
    kept: Duration,
    clock: Clock,
}

impl Retention {
    /// Keeps events for `kept`; works as the role that owns the tables.
    #[must_use]
    pub fn new(owner: Config, kept: Duration, clock: Clock) -> Self {
        Self { owner, kept, clock }
    }

    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await.is_err() {
            if let Err(error) = self.sweep().await {
                tracing::warn!(%error, "old events cannot be dropped now");
            }
        }
    }

    /// Drops what is old now; answers how many ranges went.
    ///
    /// # Errors
    /// When the database is away, or the role does not own the tables.
    pub async fn sweep(&self) -> Result<usize, DbError> {
        let client = self.connect().await?;
        if !client.query_one(LOCK, &[]).await?.get::<_, bool>(0) {
            return Ok(0);
        }
        let ranges = ranges(&client).await?;
        finish(&client, &ranges).await?;
        let Some(below) = below(&client).await? else { return Ok(0) };
        let whole = ranges.iter().filter(|it| it.parent == LOG && it.is_attached && !it.is_pending);
        let mut lows: Vec<i64> = whole.map(|it| it.low).collect();
        lows.sort_unstable();
        let mut gone = 0;
        for low in lows {
            let is_past = low + SPAN <= below && self.is_old(&client, low).await?;
            if !is_past {
                break;
            }
            for parent in [LOG, STREAMS] {
                detach(&client, parent, &format!("{parent}_{low}")).await?;
            }
            tracing::info!(from = low, upto = low + SPAN - 1, "old events were dropped");
            gone += 1;
        }
        metrics::counter!("sayso_log_ranges_dropped_total").increment(gone);
        Ok(usize::try_from(gone).unwrap_or(usize::MAX))
    }

    /// Whether the last event of a range is older than the log is kept.
    async fn is_old(&self, client: &Client, low: i64) -> Result<bool, DbError> {
        let sql = format!("SELECT at FROM event_log_{low} ORDER BY position DESC LIMIT 1");
        let row = client.query_opt(&sql, &[]).await?;
        let last: Option<Timestamp> = row.map(|row| row.get(0));
        let before = self.clock.now().checked_sub(self.kept).unwrap_or(Timestamp::MIN);
        // One with nothing in it holds nobody up.
        Ok(last.is_none_or(|last| last < before))
    }

    async fn connect(&self) -> Result<Client, DbError> {
        let mut config = self.owner.clone();
        let own = config.get_options().unwrap_or_default();
        config.options(format!("{own} -c statement_timeout={STATEMENT_TIMEOUT_MS}"));
        config.application_name("sayso retention");
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

async fn ranges(client: &Client) -> Result<Vec<Range>, DbError> {
    let rows = client.query(RANGES, &[]).await?;
    Ok(rows.iter().filter_map(range).collect())
}

fn range(row: &Row) -> Option<Range> {
    let table: String = row.get(0);
    let (parent, low) = [LOG, STREAMS].into_iter().find_map(|parent| {
        let low = table.strip_prefix(parent)?.strip_prefix('_')?.parse().ok()?;
        Some((parent, low))
    })?;
    Some(Range { table, parent, low, is_attached: row.get(1), is_pending: row.get(2) })
}

/// Finishes what was begun: a detach, the drop after one, or the second table
/// of a range whose first is gone.
async fn finish(client: &Client, ranges: &[Range]) -> Result<(), DbError> {
    let is_whole = |it: &&Range| it.parent == LOG && it.is_attached && !it.is_pending;
    let lowest = ranges.iter().filter(is_whole).map(|it| it.low).min();
    for Range { table, parent, low, is_attached, is_pending } in ranges {
        if *is_attached && !is_pending && lowest.is_some_and(|lowest| *low < lowest) {
            detach(client, parent, table).await?;
            continue;
        }
        if *is_pending {
            let sql = format!("ALTER TABLE {parent} DETACH PARTITION {table} FINALIZE");
            client.batch_execute(&sql).await?;
        }
        if *is_pending || !is_attached {
            client.batch_execute(&format!("DROP TABLE {table}")).await?;
        }
    }
    Ok(())
}

async fn detach(client: &Client, parent: &str, table: &str) -> Result<(), DbError> {
    let sql = format!("ALTER TABLE {parent} DETACH PARTITION {table} CONCURRENTLY");
    client.batch_execute(&sql).await?;
    client.batch_execute(&format!("DROP TABLE {table}")).await?;
    Ok(())
}

/// The position below which nobody needs anything any more, for all that is
/// known of consumers.
async fn below(client: &Client) -> Result<Option<i64>, DbError> {
    let Some(row) = client.query_opt(ENDS, &[]).await? else { return Ok(None) };
    let (head, slowest): (i64, Option<i64>) = (row.get(0), row.get(1));
    let needed = slowest.map_or(head, |position| position.min(head)) + 1;
    let cap = head - BEHIND_MAX;
    if needed < cap {
        metrics::counter!("sayso_log_consumers_given_up_total").increment(1);
        tracing::error!(
            behind = head - needed,
            "a consumer of the log is so far behind that it is not waited for"
        );
    }
    Ok(Some(needed.max(cap)))
}

//! Runs a file: all at once, or statement by statement.

use std::time::Duration;

use tokio_postgres::{Client, Error};

use super::error::{MigrateError, is_lock};
use super::script::{Script, concurrent_index, is_concurrent};
use super::split::Statement;
use super::{Migration, record};

/// How a schema change waits, so that the company can go on working beside it.
#[derive(Clone, Debug)]
pub struct Patience {
    /// How long another node that migrates is waited for: an index over a
    /// large table takes its time, and a node that starts meanwhile has
    /// nothing better to do.
    pub turn_wait: Duration,
    /// How long a statement waits for a lock. Everybody else who wants the
    /// same table queues up behind it for that long, so it is no longer than
    /// what a request is allowed to wait.
    pub lock_timeout: Duration,
    /// How long a statement inside a transaction may take: it blocks others
    /// while it runs. What needs longer belongs into a file of its own that
    /// runs outside.
    pub statement_timeout: Duration,
    /// How long a statement with CONCURRENTLY waits for the transactions that
    /// are older than it. Nobody queues up behind it, and starting again is
    /// dear, so this is long.
    pub concurrent_lock_timeout: Duration,
    /// How often a file (or statement) that found a lock taken is tried.
    pub tries_max: u32,
    /// Between two tries, in which those who queued up get through.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            turn_wait: Duration::from_secs(600),
            lock_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(60),
            concurrent_lock_timeout: Duration::from_secs(600),
            tries_max: 30,
            pause: Duration::from_secs(1),
        }
    }
}

/// Which way a file leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

/// What running needs.
pub(super) struct Runner<'a> {
    pub client: &'a Client,
    pub patience: &'a Patience,
    /// Called with a name after each statement: tests die there.
    pub fail_point: fn(&str),
}

/// A statement that failed: which one, counted from 0, and why.
type Stopped = (usize, Error);

impl Runner<'_> {
    /// Runs the file. `done` statements of it were run before.
    pub async fn run(
        &self,
        migration: &Migration,
        script: &Script,
        way: Way,
        done: usize,
    ) -> Result<(), MigrateError> {
        if script.is_whole {
            self.run_whole(migration, script, way).await
        } else {
            self.run_alone(migration, script, way, done).await
        }
    }

    /// In one transaction, with the record of it.
    async fn run_whole(
        &self,
        migration: &Migration,
        script: &Script,
        way: Way,
    ) -> Result<(), MigrateError> {
        let mut tries = 0;
        loop {
            let Err((index, error)) = self.try_whole(migration, script, way).await else {
                self.visit(migration, way, "done");
                return Ok(());
            };
            // If even that fails the connection is gone, and with it the
            // transaction.
            let _ = self.client.batch_execute("ROLLBACK").await;
            tries += 1;
            self.wait_or_give_up(script, index, tries, error).await?;
        }
    }

    async fn try_whole(
        &self,
        migration: &Migration,
        script: &Script,
        way: Way,
    ) -> Result<(), Stopped> {
        let begin = format!(
            "BEGIN; SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}",
            self.patience.lock_timeout.as_millis(),
            self.patience.statement_timeout.as_millis()
        );
        self.execute(0, &begin).await?;
        for (index, statement) in script.statements.iter().enumerate() {
            self.execute(index, statement.text).await?;
            self.visit(migration, way, index + 1);
        }
        let last = script.statements.len().saturating_sub(1);
        let record = match way {
            Way::Up => record::insert(migration),
            Way::Down => record::delete(migration),
        };
        self.execute(last, &record).await?;
        self.visit(migration, way, "recorded");
        self.execute(last, "COMMIT").await
    }

    /// Each statement by itself, with a record of how far it came. On the way
    /// back the record starts by saying that nothing of the file is whole any
    /// more, so that a kill in between leaves neither way in doubt.
    async fn run_alone(
        &self,
        migration: &Migration,
        script: &Script,
        way: Way,
        done: usize,
    ) -> Result<(), MigrateError> {
        self.client.batch_execute(&record::progress(migration, done)).await?;
        for (index, statement) in script.statements.iter().enumerate().skip(done) {
            self.run_statement(script, index, statement).await?;
            self.visit(migration, way, index + 1);
            if way == Way::Up {
                self.client.batch_execute(&record::progress(migration, index + 1)).await?;
                self.visit(migration, way, format_args!("{}-recorded", index + 1));
            }
        }
        let end = match way {
            Way::Up => record::done(migration),
            Way::Down => record::delete(migration),
        };
        self.client.batch_execute(&end).await?;
        self.visit(migration, way, "done");
        Ok(())
    }

    async fn run_statement(
        &self,
        script: &Script,
        index: usize,
        statement: &Statement<'_>,
    ) -> Result<(), MigrateError> {
        let mut tries = 0;
        loop {
            let Err((_, error)) = self.try_statement(index, statement).await else {
                return Ok(());
            };
            tries += 1;
            // Half an index costs every write, and a unique one even refuses
            // some; the error that made it matters more than one in here.
            let _ = self.drop_invalid(index, statement).await;
            self.wait_or_give_up(script, index, tries, error).await?;
        }
    }

    async fn try_statement(&self, index: usize, statement: &Statement<'_>) -> Result<(), Stopped> {
        let lock_timeout = match is_concurrent(statement) {
            true => self.patience.concurrent_lock_timeout,
            false => self.patience.lock_timeout,
        };
        // No limit to the statement itself: it blocks nobody while it runs.
        let limits =
            format!("SET lock_timeout = {}; SET statement_timeout = 0", lock_timeout.as_millis());
        self.execute(index, &limits).await?;
        self.drop_invalid(index, statement).await?;
        self.execute(index, statement.text).await
    }

    /// Drops what a killed run left of the index that the statement builds: it
    /// would be taken for the index itself.
    async fn drop_invalid(&self, index: usize, statement: &Statement<'_>) -> Result<(), Stopped> {
        const DROP: &str = "SELECT format('DROP INDEX CONCURRENTLY IF EXISTS public.%I', c.relname)
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'i'
              AND c.relname = $1 AND NOT (i.indisvalid AND i.indisready)";
        let Some(name) = concurrent_index(statement) else { return Ok(()) };
        let stopped = |error| (index, error);
        let found = self.client.query_opt(DROP, &[&name]).await.map_err(stopped)?;
        match found {
            Some(row) => {
                tracing::warn!(index = name, "dropping an index that was left half built");
                self.execute(index, row.get(0)).await
            }
            None => Ok(()),
        }
    }

    async fn execute(&self, index: usize, sql: &str) -> Result<(), Stopped> {
        self.client.batch_execute(sql).await.map_err(|error| (index, error))
    }

    /// Answers the error unless it was about a lock and there are tries left.
    async fn wait_or_give_up(
        &self,
        script: &Script,
        index: usize,
        tries: u32,
        error: Error,
    ) -> Result<(), MigrateError> {
        let (name, statement) = (script.name, index + 1);
        if !is_lock(&error) {
            let line = script.statements.get(index).map_or(1, |statement| statement.line);
            return Err(MigrateError::Failed { name, statement, line, error });
        }
        if tries >= self.patience.tries_max {
            return Err(MigrateError::Locked { name, statement, tries });
        }
        tracing::warn!(migration = name, statement, tries, "a table is locked; trying again");
        tokio::time::sleep(self.patience.pause).await;
        Ok(())
    }

    fn visit(&self, migration: &Migration, way: Way, place: impl std::fmt::Display) {
        let file = match way {
            Way::Up => "migration",
            Way::Down => "rollback",
        };
        (self.fail_point)(&format!("{file}-{}-{place}", migration.version));
    }
}

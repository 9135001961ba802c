//! A dump laid into a database, in one transaction.

use std::io::{BufReader, Read};
use std::process::Stdio;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config};

use super::dump::{ended, feed, list, quiet};
use super::script::{Piece, Pieces, run};
use super::snapshot::{QUIET, connect, measure};
use super::{BackupError, Contents, Programs, Table};

/// Pieces of the script that wait for the database: a few megabytes.
const PIECES_MAX: usize = 32;

/// The locks of whoever numbers the log and of whoever migrates. Held here, no
/// Sayso can lead or begin.
const LOCKS: &str = "SELECT pg_try_advisory_lock(7240115313) AND pg_try_advisory_lock(7240115312)";

/// Whether somebody is in the database, and otherwise whether anything is.
const OCCUPIED: &str = "
    SELECT to_regclass('public.users') IS NOT NULL,
           EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
                   AND c.relkind IN ('r', 'p') AND c.relname <> 'schema_migrations'
                   AND NOT EXISTS (SELECT FROM pg_depend d
                                   WHERE d.objid = c.oid AND d.deptype = 'e'))";
const PEOPLE: &str = "SELECT count(*) FROM public.users";

/// Takes away all that is ours, but for extensions: the script would not find
/// those that a superuser has put there.
const CLEAR: &str = "
    DO $$
    DECLARE
        one record;
    BEGIN
        FOR one IN
            SELECT c.oid::regclass AS name, c.relkind AS kind FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
              AND NOT c.relispartition
              -- A sequence that belongs to a column goes with its table. (A
              -- partitioned table belongs to its own key in this sense.)
              AND NOT EXISTS (SELECT FROM pg_depend d
                              WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
                                AND (d.deptype = 'e'
                                     OR c.relkind = 'S' AND d.deptype IN ('i', 'a')))
        LOOP
            EXECUTE format('DROP %s %s CASCADE', CASE one.kind WHEN 'v' THEN 'VIEW'
                WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, one.name);
        END LOOP;
        FOR one IN
            SELECT p.oid::regprocedure AS name FROM pg_proc p
            WHERE p.pronamespace = 'public'::regnamespace
              AND NOT EXISTS (SELECT FROM pg_depend d
                              WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass
                                AND d.deptype = 'e')
        LOOP
            EXECUTE format('DROP ROUTINE %s CASCADE', one.name);
        END LOOP;
    END
    $$";

/// After the script, which empties the search path.
const PATH: &str = "SET search_path = public";

const VERSION: &str = "SELECT current_setting('server_version_num')::integer / 10000";

/// What is in a database already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupied {
    /// Nothing that anybody would miss.
    No,
    /// So many people, with what is theirs.
    People(i64),
    /// Tables that are not of Sayso.
    Foreign,
}

/// A connection that alone may replace the database.
#[derive(Debug)]
pub struct Restore {
    client: Client,
    driver: JoinHandle<()>,
    /// The major version of the server.
    pub major: u32,
}

impl Restore {
    /// Takes the database, as the role that owns its tables, while no Sayso
    /// runs on it.
    ///
    /// # Errors
    /// When a Sayso does, or the database cannot be reached.
    pub async fn begin(owner: &Config) -> Result<Self, BackupError> {
        let (client, driver) = connect(owner).await?;
        client.batch_execute(QUIET).await?;
        if !client.query_one(LOCKS, &[]).await?.get::<_, bool>(0) {
            return Err(BackupError::Running);
        }
        let major: i32 = client.query_one(VERSION, &[]).await?.get(0);
        Ok(Self { client, driver, major: u32::try_from(major).unwrap_or_default() })
    }

    /// What would be lost.
    ///
    /// # Errors
    /// When the database goes away.
    pub async fn occupied(&self) -> Result<Occupied, BackupError> {
        let row = self.client.query_one(OCCUPIED, &[]).await?;
        let (is_ours, has_tables): (bool, bool) = (row.get(0), row.get(1));
        if !is_ours {
            return Ok(if has_tables { Occupied::Foreign } else { Occupied::No });
        }
        let people: i64 = self.client.query_one(PEOPLE, &[]).await?.get(0);
        Ok(if people == 0 { Occupied::No } else { Occupied::People(people) })
    }

    /// Replaces what is there by `dump`, compares it with what was counted,
    /// then runs `last` with its parameter, all in one transaction. Beside what
    /// was counted stands who hears of each table that is as it was.
    ///
    /// # Errors
    /// When anything fails; then nothing has changed.
    pub async fn lay_in(
        &self,
        programs: &Programs,
        dump: impl Read + Send + 'static,
        (contents, told): (&Contents, impl FnMut(&Table)),
        last: &[(&str, &(dyn ToSql + Sync))],
    ) -> Result<(), BackupError> {
        self.client.batch_execute("BEGIN").await?;
        let done = async {
            self.replace(programs, dump).await?;
            self.compare(contents, told).await?;
            for (statement, parameter) in last {
                self.client.execute(*statement, &[*parameter]).await?;
            }
            Ok(())
        };
        match done.await {
            Ok(()) => Ok(self.client.batch_execute("COMMIT").await?),
            Err(error) => {
                // Where the connection is gone PostgreSQL does it by itself.
                let _ = self.client.batch_execute("ROLLBACK").await;
                Err(error)
            }
        }
    }

    /// Removes what is there, and runs the script of the dump.
    async fn replace(
        &self,
        programs: &Programs,
        dump: impl Read + Send + 'static,
    ) -> Result<(), BackupError> {
        self.client.batch_execute(CLEAR).await?;
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        let programs = programs.clone();
        let reading = tokio::task::spawn_blocking(move || read_script(&programs, dump, &sender));
        let ran = run(&self.client, pieces).await;
        let read = reading.await.map_err(|_| BackupError::Script("its reader ended early"))?;
        // A dump that cannot be read is the cause of a script that ends early.
        read.and(ran)?;
        Ok(self.client.batch_execute(PATH).await?)
    }

    /// Counts and hashes what was laid in. Another major version of PostgreSQL
    /// may hash otherwise; there the rows are counted.
    async fn compare(
        &self,
        contents: &Contents,
        mut told: impl FnMut(&Table),
    ) -> Result<(), BackupError> {
        for table in &contents.tables {
            let found = measure(&self.client, &table.name).await;
            let found = found.map_err(|error| match error {
                BackupError::Database(_) => BackupError::TableMissing(table.name.as_str().into()),
                other => other,
            })?;
            let is_same_sum = found.sum == table.sum || contents.major() != self.major;
            if found.rows != table.rows || !is_same_sum {
                let (found, counted) = (Box::new(found), Box::new(table.clone()));
                return Err(BackupError::Different { found, counted });
            }
            told(table);
        }
        Ok(())
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Contents {
    /// Whether a dump can be read by `pg_restore` and has a place for every
    /// table. Reads `dump` to its end.
    ///
    /// # Errors
    /// When it cannot, or a table is missing in it.
    pub fn check(&self, programs: &Programs, dump: &mut dyn Read) -> Result<(), BackupError> {
        let listed = list(programs, dump)?;
        let is_listed = |table: &str| {
            let entry = format!(" TABLE DATA public {table} ");
            listed.lines().any(|line| line.contains(&entry))
        };
        match self.tables.iter().find(|table| !is_listed(&table.name)) {
            None => Ok(()),
            Some(table) => Err(BackupError::TableMissing(table.name.as_str().into())),
        }
    }
}

/// Lets `pg_restore` make a script of the dump, and passes it on in pieces.
fn read_script(
    programs: &Programs,
    mut dump: impl Read + Send + 'static,
    sender: &mpsc::Sender<Result<Piece, BackupError>>,
) -> Result<(), BackupError> {
    let mut command = quiet(&programs.restore());
    command.args(["--file=-", "--no-owner", "--no-privileges"]).stdin(Stdio::piped());
    let mut child = command.spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let feeding = std::thread::spawn(move || stdin.map_or(Ok(()), |stdin| feed(&mut dump, stdin)));
    let is_heard = stdout.is_none_or(|stdout| pass_on(stdout, sender));
    if !is_heard {
        // The database refused something, and that is what will be told.
        let _ = child.kill();
        let _ = child.wait();
        return Ok(());
    }
    ended("pg_restore", &mut child)?;
    let fed = feeding.join().map_err(|_| BackupError::Script("its reader ended early"))?;
    Ok(fed?)
}

/// Takes the script apart for whoever listens; answers whether they did to the
/// end.
fn pass_on(script: impl Read, sender: &mpsc::Sender<Result<Piece, BackupError>>) -> bool {
    let mut pieces = Pieces::of(BufReader::with_capacity(1 << 20, script));
    while let Some(piece) = pieces.next().transpose() {
        let is_broken = piece.is_err();
        if sender.blocking_send(piece).is_err() || is_broken {
            return false;
        }
    }
    true
}

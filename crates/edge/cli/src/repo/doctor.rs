//! What an operator asks the database.

use sayso_db::{Db, DbError, Queries, Sql};

const SERVER: Sql = Sql::new(
    "doctor.server",
    "SELECT current_setting('server_version'),
            current_setting('server_version_num')::integer / 10000,
            extract(epoch FROM clock_timestamp())::float8,
            (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
            current_setting('max_connections')::bigint,
            current_setting('data_checksums') = 'on',
            pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
            (SELECT age(datfrozenxid)::bigint FROM pg_database WHERE datname = current_database()),
            (SELECT count(*) FROM pg_replication_slots WHERE NOT active),
            pg_database_size(current_database())",
);

const LOG: Sql = Sql::new(
    "doctor.log",
    "SELECT (SELECT position FROM log_head),
            (SELECT count(*) FROM (SELECT FROM outbox LIMIT 10000) counted),
            (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8
             FROM (SELECT at FROM outbox ORDER BY id LIMIT 1) oldest),
            (SELECT count(*) FROM outbox_dead),
            (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
             FROM pg_stat_activity WHERE backend_xmin IS NOT NULL),
            EXISTS (SELECT FROM pg_locks
                    WHERE locktype = 'advisory' AND granted AND objsubid = 1
                      AND classid = (7240115313 >> 32)::oid
                      AND objid = (7240115313 & 4294967295)::oid
                      AND database = (SELECT oid FROM pg_database
                                      WHERE datname = current_database()))",
);

const FURTHEST_BEHIND: Sql = Sql::new(
    "doctor.furthest_behind",
    "SELECT c.name, h.position - c.position FROM consumers c CROSS JOIN log_head h
     ORDER BY c.position, c.name LIMIT 1",
);

/// What the server says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerFacts {
    pub version: String,
    pub major: i32,
    /// Its clock, in seconds since 1970.
    pub clock: f64,
    pub connections: i64,
    pub connections_max: i64,
    pub has_checksums: bool,
    pub is_read_only: bool,
    /// Transactions since the oldest row was frozen.
    pub age: i64,
    /// Replication slots that nobody reads.
    pub idle_slots: i64,
    pub bytes: i64,
}

/// How the log is.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogFacts {
    pub position: Option<i64>,
    /// Facts that wait for their position; counted up to 10,000.
    pub waiting: i64,
    /// For how long the first of them has been waiting.
    pub waited_secs: f64,
    pub dead: i64,
    pub oldest_snapshot_secs: f64,
    pub is_led: bool,
}

/// A follower of the log.
#[derive(Clone, Debug)]
pub(crate) struct Follower {
    pub name: String,
    /// Events it has not come to yet.
    pub behind: i64,
}

pub(crate) async fn server(db: &Db) -> Result<Option<ServerFacts>, DbError> {
    let row = db.read().row(&SERVER, &[]).await?;
    Ok(row.map(|row| ServerFacts {
        version: row.get(0),
        major: row.get(1),
        clock: row.get(2),
        connections: row.get(3),
        connections_max: row.get(4),
        has_checksums: row.get(5),
        is_read_only: row.get(6),
        age: row.get(7),
        idle_slots: row.get(8),
        bytes: row.get(9),
    }))
}

pub(crate) async fn log(db: &Db) -> Result<Option<LogFacts>, DbError> {
    let row = db.read().row(&LOG, &[]).await?;
    Ok(row.map(|row| LogFacts {
        position: row.get(0),
        waiting: row.get(1),
        waited_secs: row.get(2),
        dead: row.get(3),
        oldest_snapshot_secs: row.get(4),
        is_led: row.get(5),
    }))
}

/// The follower of the log that is furthest behind; none before the first start.
pub(crate) async fn furthest_behind(db: &Db) -> Result<Option<Follower>, DbError> {
    let row = db.read().row(&FURTHEST_BEHIND, &[]).await?;
    Ok(row.map(|row| Follower { name: row.get(0), behind: row.get(1) }))
}

#[cfg(test)]
pub(super) const ALL: &[&Sql] = &[&SERVER, &LOG, &FURTHEST_BEHIND];

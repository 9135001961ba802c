//! PostgreSQL: is it there, is it safe, is its schema ours?

use sayso_config::Settings;
use sayso_db::backup::Programs;
use sayso_db::migrate::{self, MigrationState, MigrationStatus};
use sayso_db::{Db, DbLimits, check_durability};
use sayso_kernel::Clock;

use super::{Finding, keys, log};
use crate::repo::doctor::{self, ServerFacts};
use crate::storage::Storage;

/// The oldest major version that is supported.
const MAJOR_MIN: i32 = 15;
/// Clocks that differ by so many seconds are worth a look; by the second,
/// tokens and events are told wrong times.
const CLOCK_SECS: (f64, f64) = (1.0, 30.0);
/// Connections in use, in percent of what the server takes.
const CONNECTIONS_PERCENT: i64 = 80;
/// PostgreSQL stops at about two thousand million.
const AGE_MAX: i64 = 1_000_000_000;

pub(super) async fn examine(storage: &Storage, settings: &Settings) -> Vec<Finding> {
    let db = match Db::new(storage.app.clone(), &DbLimits::from(&settings.database)) {
        Ok(db) => db,
        Err(error) => {
            return vec![Finding::fail("database", error.to_string(), "correct database.url")];
        }
    };
    let found = ask(&db, storage, settings).await;
    db.close();
    found
}

async fn ask(db: &Db, storage: &Storage, settings: &Settings) -> Vec<Finding> {
    let facts = match doctor::server(db).await {
        Ok(facts) => facts.unwrap_or_default(),
        Err(error) => {
            let advice = "start PostgreSQL, or correct database.url (address, name, password)";
            return vec![Finding::fail("database", why(&error), advice)];
        }
    };
    let mut all = judge(&facts, Clock::System.now().as_microsecond() as f64 / 1e6);
    all.push(durability(db, settings).await);
    all.push(backups(settings, facts.major));
    let (schema, has_tables) = schema(storage).await;
    all.push(schema);
    if has_tables {
        all.extend(log::examine(db).await);
        all.extend(keys::fits(db, settings).await);
        all.extend(keys::open_what_is_sealed(db, settings).await);
    }
    all
}

/// What an error says, with what lies below it.
fn why(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

fn judge(facts: &ServerFacts, now: f64) -> Vec<Finding> {
    let mib = facts.bytes >> 20;
    let mut all = vec![if facts.major < MAJOR_MIN {
        let found = format!("PostgreSQL {}", facts.version);
        Finding::fail("database", found, "PostgreSQL 15 or newer is needed: pg_upgrade it")
    } else {
        Finding::ok("database", format!("PostgreSQL {} answers, {mib} MiB", facts.version))
    }];
    if facts.is_read_only {
        let advice = "name the primary, and look at default_transaction_read_only: every write is \
                      answered 503";
        all.push(Finding::fail("writable", "it takes no writes", advice));
    }
    let apart = (facts.clock - now).abs();
    let found = format!("{apart:.1} s apart");
    let advice = "let both machines follow one time server (chrony, systemd-timesyncd)";
    all.push(match apart {
        apart if apart >= CLOCK_SECS.1 => Finding::fail("clocks", found, advice),
        apart if apart >= CLOCK_SECS.0 => Finding::warn("clocks", found, advice),
        _ => Finding::ok("clocks", found),
    });
    let found = format!("{} of {} in use", facts.connections, facts.connections_max);
    let is_tight = facts.connections * 100 >= facts.connections_max * CONNECTIONS_PERCENT;
    all.push(if is_tight {
        let advice =
            "raise max_connections, or lower database.pool_max: each node takes 25 by default";
        Finding::warn("connections", found, advice)
    } else {
        Finding::ok("connections", found)
    });
    if !facts.has_checksums {
        let advice = "switch them on with pg_checksums while it is stopped: a disk that lies is \
                      noticed then";
        all.push(Finding::warn("checksums", "off", advice));
    }
    if facts.age > AGE_MAX {
        let found = format!("the oldest row is {} transactions old", facts.age);
        let advice = "VACUUM FREEZE soon, and find what holds autovacuum back";
        all.push(Finding::fail("vacuum", found, advice));
    }
    if facts.idle_slots > 0 {
        let found = format!("{} replication slots that nobody reads", facts.idle_slots);
        let advice = "drop them (pg_drop_replication_slot), or bring back who reads them: they keep \
                      the write-ahead log until the disk is full";
        all.push(Finding::warn("replication", found, advice));
    }
    all
}

/// Whether a backup could be made here: better asked now than in the night in
/// which it is due.
fn backups(settings: &Settings, major: i32) -> Finding {
    let major = u32::try_from(major).unwrap_or_default();
    match Programs::find(settings.managed.pg_bin.as_deref(), major) {
        Ok(found) => {
            let found = format!("pg_dump and pg_restore of PostgreSQL {}", found.major);
            Finding::ok("backups", found)
        }
        Err(error) => {
            // It says what is missing, and then what to do.
            let line = error.to_string();
            let (found, advice) = line.split_once(": ").unwrap_or((line.as_str(), "install it"));
            Finding::warn("backups", format!("none can be made here: {found}"), advice)
        }
    }
}

async fn durability(db: &Db, settings: &Settings) -> Finding {
    match check_durability(db).await {
        Ok(off) if off.is_empty() => {
            Finding::ok("durability", "fsync, full_page_writes, synchronous_commit")
        }
        Ok(off) => {
            let refused = if settings.database.refuse_unsafe {
                "Sayso refuses to serve"
            } else {
                "database.refuse_unsafe allows it"
            };
            let found = format!("{} ({refused})", off.join(", "));
            Finding::fail("durability", found, "set them on: what was confirmed may be lost")
        }
        Err(fault) => Finding::fail("durability", fault.to_string(), "see the other lines"),
    }
}

/// How the schema is, and whether it has tables that can be asked.
async fn schema(storage: &Storage) -> (Finding, bool) {
    match migrate::status(&storage.owner).await {
        Ok(lines) => judge_schema(&lines),
        Err(error) => {
            let advice = "correct database.owner_url: it is the role that owns the tables";
            (Finding::fail("schema", error.to_string(), advice), false)
        }
    }
}

fn judge_schema(lines: &[MigrationStatus]) -> (Finding, bool) {
    let check = "schema";
    let count = |is: fn(&MigrationState) -> bool| lines.iter().filter(|one| is(&one.state)).count();
    let altered = count(|state| matches!(state, MigrationState::Altered { .. }));
    let unknown = count(|state| matches!(state, MigrationState::Unknown));
    let partly = count(|state| matches!(state, MigrationState::Partly { .. }));
    let pending = count(|state| matches!(state, MigrationState::Pending));
    let finding = if unknown > 0 {
        let advice = "start the newer Sayso that has been here, or restore a backup";
        Finding::fail(check, format!("{unknown} migrations of a newer Sayso"), advice)
    } else if altered > 0 {
        let advice = "use the released Sayso: `sayso migrate status` names what was changed";
        Finding::fail(check, format!("{altered} migrations are others than were applied"), advice)
    } else if pending == lines.len() {
        Finding::warn(check, "no tables yet", "`sayso serve` makes them, or `sayso migrate up`")
    } else if partly + pending > 0 {
        let advice = "`sayso migrate up`, or the next start, applies them";
        Finding::warn(check, format!("{} migrations are missing", partly + pending), advice)
    } else {
        Finding::ok(check, format!("all {} migrations", lines.len()))
    };
    (finding, pending < lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn facts() -> ServerFacts {
        ServerFacts {
            version: "15.1".to_owned(),
            major: 15,
            clock: 1_000.0,
            connections: 30,
            connections_max: 100,
            has_checksums: true,
            ..ServerFacts::default()
        }
    }

    fn worst(facts: &ServerFacts, now: f64) -> (&'static str, Level) {
        let all = judge(facts, now);
        let worst = all.iter().max_by_key(|one| one.level).expect("findings");
        assert_eq!(worst.advice.is_some(), worst.level > Level::Ok, "{worst:?}");
        (worst.check, worst.level)
    }

    #[test]
    fn each_thing_that_is_wrong_with_a_server_is_told_with_its_weight() {
        assert_eq!(worst(&facts(), 1_000.5).1, Level::Ok);
        assert_eq!(worst(&facts(), 1_005.0), ("clocks", Level::Warn));
        assert_eq!(worst(&facts(), 900.0), ("clocks", Level::Fail));
        for (broken, found) in [
            (ServerFacts { major: 14, ..facts() }, ("database", Level::Fail)),
            (ServerFacts { connections: 80, ..facts() }, ("connections", Level::Warn)),
            (ServerFacts { has_checksums: false, ..facts() }, ("checksums", Level::Warn)),
            (ServerFacts { is_read_only: true, ..facts() }, ("writable", Level::Fail)),
            (ServerFacts { age: 1_500_000_000, ..facts() }, ("vacuum", Level::Fail)),
            (ServerFacts { idle_slots: 1, ..facts() }, ("replication", Level::Warn)),
        ] {
            assert_eq!(worst(&broken, 1_000.0), found);
        }
    }
}

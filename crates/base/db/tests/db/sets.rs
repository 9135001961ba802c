//! Sets of migrations, and a migrator that is quick to try again.

use std::time::Duration;

use sayso_db::migrate::{MIGRATIONS, Migration, Migrator, Patience};

/// What a set of one's own is made of: up and down.
pub type Files = [(&'static str, &'static str)];

/// A file with a table and rows, one with what runs only outside a
/// transaction, and one after it.
const CONCURRENT: &Files = &[
    (
        "CREATE TABLE things (id int PRIMARY KEY, a int, b int NOT NULL, c int);
         INSERT INTO things SELECT n, n % 10, n FROM generate_series(1, 1000) n;
         ALTER TABLE things ADD CONSTRAINT things_c_check CHECK (c > 0) NOT VALID",
        "DROP TABLE things",
    ),
    (
        "-- no-transaction
         -- Things by a.
         CREATE INDEX CONCURRENTLY IF NOT EXISTS things_a_idx ON things (a);
         UPDATE things SET c = b WHERE c IS NULL;
         CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS things_b_key ON things (b);
         ALTER TABLE things VALIDATE CONSTRAINT things_c_check;",
        "-- no-transaction
         DROP INDEX CONCURRENTLY IF EXISTS things_b_key;
         DROP INDEX CONCURRENTLY IF EXISTS things_a_idx;
         -- A constraint cannot be made invalid again. In one statement, so that
         -- the way forward is open at every moment.
         ALTER TABLE things DROP CONSTRAINT IF EXISTS things_c_check,
             ADD CONSTRAINT things_c_check CHECK (c > 0) NOT VALID;",
    ),
    ("CREATE TABLE others (id int PRIMARY KEY)", "DROP TABLE others"),
];

/// A migrator for these files.
pub fn migrator(files: &Files) -> Migrator {
    const NAMES: [&str; 4] = ["0001_first", "0002_second", "0003_third", "0004_fourth"];
    let migrations = (1..).zip(NAMES).zip(files).map(|((version, name), (up, down))| Migration {
        version,
        name,
        up,
        down,
    });
    of(Vec::leak(migrations.collect()), &[])
}

/// By its name, as a child process is told it.
pub fn named(name: &str) -> Migrator {
    match name {
        "shipped" => shipped(MIGRATIONS.len()),
        "concurrent" => migrator(CONCURRENT),
        _ => panic!("no set is called {name}"),
    }
}

/// The first `count` files of the product.
pub fn shipped(count: usize) -> Migrator {
    of(&MIGRATIONS[..count], Migrator::default().extensions)
}

fn of(migrations: &'static [Migration], extensions: &'static [&'static str]) -> Migrator {
    let patience = Patience {
        turn_wait: Duration::from_secs(20),
        lock_timeout: Duration::from_millis(200),
        tries_max: 100,
        pause: Duration::from_millis(50),
        ..Patience::default()
    };
    Migrator { migrations, extensions, patience, ..Migrator::default() }
}

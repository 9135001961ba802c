//! Is the database there, and is it allowed to lose what it acknowledged?

use std::time::Duration;

use sayso_kernel::Fault;

use crate::sql::Queries;
use crate::{Db, Sql};

const DURABILITY: Sql = Sql::new(
    "db.durability",
    "SELECT name, setting FROM pg_settings
     WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')",
);

const PING: Sql = Sql::new("db.ping", "SELECT 1");
/// How long the database may take to say that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether the database answers at all.
pub async fn is_up(db: &Db) -> bool {
    let mut reader = db.health();
    matches!(tokio::time::timeout(PING_TIMEOUT, reader.rows(&PING, &[])).await, Ok(Ok(_)))
}

/// Names each setting under which an acknowledged write could be lost; empty
/// when there is none.
pub async fn check_durability(db: &Db) -> Result<Vec<String>, Fault> {
    let rows = db.read().rows(&DURABILITY, &[]).await?;
    let unsafe_settings = rows.iter().filter_map(|row| {
        let (name, setting): (String, String) = (row.get(0), row.get(1));
        (setting == "off").then(|| format!("{name}=off"))
    });
    Ok(unsafe_settings.collect())
}

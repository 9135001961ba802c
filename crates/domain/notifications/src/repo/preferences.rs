//! What people want to be told.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql, Tx};

use crate::model::{Preferences, QuietHours, Topic};

const LOOKUP: Sql = Sql::new(
    "notification_preferences.lookup",
    "SELECT muted, quiet_from, quiet_to, version FROM notification_preferences
     WHERE user_id = $1",
);

/// Whoever has never said anything has a row from here on, so that it can be
/// locked.
const MAKE: Sql = Sql::new(
    "notification_preferences.make",
    "INSERT INTO notification_preferences (user_id, updated_at) VALUES ($1, $2)
     ON CONFLICT (user_id) DO NOTHING",
);

const LOCK: Sql = Sql::new(
    "notification_preferences.lock",
    "SELECT muted, quiet_from, quiet_to, version FROM notification_preferences
     WHERE user_id = $1 FOR UPDATE",
);

const UPDATE: Sql = Sql::new(
    "notification_preferences.update",
    "UPDATE notification_preferences
     SET muted = $2, quiet_from = $3, quiet_to = $4, updated_at = $5, version = version + 1
     WHERE user_id = $1 RETURNING muted, quiet_from, quiet_to, version",
);

pub(super) const ALL: &[&Sql] = &[&LOOKUP, &MAKE, &LOCK, &UPDATE];

/// What a person wants; everything, if they never said.
pub(crate) async fn lookup_preferences(
    db: &mut impl Queries,
    user: UserId,
) -> Result<Preferences, DbError> {
    let row = db.row(&LOOKUP, &[&user]).await?;
    Ok(row.as_ref().map(preferences).unwrap_or_default())
}

/// The same, locked until the end of the transaction.
pub(crate) async fn preferences_locked(
    tx: &mut Tx,
    user: UserId,
    now: Timestamp,
) -> Result<Preferences, DbError> {
    tx.rows(&MAKE, &[&user, &now]).await?;
    let row = tx.row(&LOCK, &[&user]).await?;
    Ok(row.as_ref().map(preferences).unwrap_or_default())
}

/// Writes what a person wants; the version rises.
pub(crate) async fn update_preferences(
    tx: &mut Tx,
    user: UserId,
    wanted: &Preferences,
    now: Timestamp,
) -> Result<Preferences, DbError> {
    let muted: Vec<&str> = wanted.muted.iter().map(|topic| topic.as_str()).collect();
    let (from, to) = wanted.quiet.map(|quiet| (quiet.from, quiet.to)).unzip();
    let row = tx.row(&UPDATE, &[&user, &muted, &from, &to, &now]).await?;
    Ok(row.as_ref().map(preferences).unwrap_or_default())
}

fn preferences(row: &Row) -> Preferences {
    let muted: Vec<&str> = row.get(0);
    let hours: (Option<i16>, Option<i16>) = (row.get(1), row.get(2));
    Preferences {
        muted: muted.into_iter().filter_map(Topic::parse).collect(),
        quiet: hours.0.zip(hours.1).map(|(from, to)| QuietHours { from, to }),
        version: row.get(3),
    }
}

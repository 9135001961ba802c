//! The SQL of search: one statement for each kind and way in, put together
//! from the same parts.
//!
//! Each takes the newest matches of a window of time that the reader sees, ranks
//! those, and answers the best after a cursor. The first row is always there and
//! says how many were looked at and ranked. [`walk`] goes from window to window.

mod find;
mod sample;
mod trash;
mod walk;
mod within;

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Sql};
use uuid::Uuid;

pub(crate) use trash::{list_trash, purge};
pub(crate) use walk::find;
pub(crate) use within::Asked;

/// People or channels that one name in a question can mean, at the most.
const NAMED_MAX: i64 = 100;

const FOLD: Sql = Sql::new(
    "search.fold",
    "SELECT search_fold(term) FROM unnest($1::text[]) WITH ORDINALITY AS t(term, place)
     ORDER BY place",
);

// Written as a question of its own, the name is folded once and not for each
// person that is looked at.
const PEOPLE: Sql = Sql::new(
    "search.people_named",
    "SELECT u.id FROM users u
     WHERE u.search_text LIKE (SELECT search_fold($1))
     ORDER BY u.created_at DESC, u.id DESC LIMIT $2",
);

const CHANNELS: Sql = Sql::new(
    "search.channels_named",
    "SELECT c.id FROM channels c
     WHERE c.deleted_at IS NULL AND c.search_text LIKE (SELECT search_fold($1))
       AND (c.kind = 'public' OR EXISTS (
            SELECT 1 FROM channel_members m WHERE m.channel_id = c.id AND m.user_id = $3))
     ORDER BY c.created_at DESC, c.id DESC LIMIT $2",
);

/// All statements of this crate, for the test that prepares each of them
/// against the real schema.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    let mut all = vec![&FOLD, &PEOPLE, &CHANNELS];
    all.extend(find::all());
    all.extend_from_slice(sample::ALL);
    all.extend_from_slice(trash::ALL);
    all
}

/// The terms as the indexed texts are written: without accents, in small
/// letters.
pub(crate) async fn fold(db: &mut impl Queries, terms: &[String]) -> Result<Vec<String>, DbError> {
    let rows = db.rows(&FOLD, &[&terms]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The people whose name begins like this.
pub(crate) async fn people_named(db: &mut impl Queries, name: &str) -> Result<Vec<Uuid>, DbError> {
    let rows = db.rows(&PEOPLE, &[&beginning(name), &NAMED_MAX]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The channels that `reader` sees whose name begins like this.
pub(crate) async fn channels_named(
    db: &mut impl Queries,
    name: &str,
    reader: UserId,
) -> Result<Vec<Uuid>, DbError> {
    let rows = db.rows(&CHANNELS, &[&beginning(name), &NAMED_MAX, &reader]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// A pattern for what begins with the name.
fn beginning(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len() + 1);
    for c in name.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

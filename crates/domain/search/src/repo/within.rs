//! Asks what there is of one kind within one window of time.

use jiff::Timestamp;
use jiff::civil::Date;
use postgres_types::ToSql;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row};
use sayso_kernel::matcher::{Matcher, Way};
use uuid::Uuid;

use super::find::statement;
use crate::model::{Bounds, Found, Kind};

/// What is asked of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Who asks.
    pub reader: UserId,
    /// For what.
    pub matcher: &'a Matcher,
    /// Within which bounds.
    pub bounds: &'a Bounds,
    /// After which score and id.
    pub after: Option<(i32, Uuid)>,
    /// How many at the most.
    pub limit: i64,
}

/// A part of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    /// From this moment on; from the first entry, if not said.
    pub from: Option<Timestamp>,
    /// Until before this one; to the last entry, if not said.
    pub to: Option<Timestamp>,
    /// The Mondays of the weeks in it, unless all weeks are.
    pub weeks: Option<Vec<Date>>,
}

/// What there is of one kind within a window: the best after the cursor, of the
/// newest `ranked` matches.
pub(super) async fn within(
    db: &mut impl Queries,
    kind: Kind,
    asked: Asked<'_>,
    window: &Window,
    ranked: i64,
) -> Result<Part, DbError> {
    let Asked { reader, matcher, bounds, after, limit } = asked;
    let (score, id) = after.unzip();
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![
        &reader,
        &matcher.key,
        &matcher.second,
        &matcher.must,
        &matcher.none,
        &bounds.people,
        &bounds.channels,
        &window.from,
        &window.to,
        &matcher.parts,
        &matcher.words,
        &matcher.first,
        &score,
        &id,
        &limit,
        &bounds.status,
        &ranked,
    ];
    let weeks = window.weeks.as_ref();
    let weeks = weeks.filter(|_| kind == Kind::Message && matcher.way != Way::Newest);
    if let Some(weeks) = &weeks {
        params.push(weeks);
    }
    let rows = db.rows(statement(kind, matcher.way, weeks.is_some()), &params).await?;
    Ok(Part {
        found: rows.iter().filter_map(|row| found(kind, row)).collect(),
        considered: rows.first().map_or(0, |row| row.get(0)),
        looked_at: rows.first().map_or(0, |row| row.get(1)),
        is_whole: rows.first().is_none_or(|row| row.get(2)),
    })
}

/// What one statement has.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    /// The best after the cursor.
    pub found: Vec<Found>,
    /// Matches that were ranked.
    pub considered: i64,
    /// Entries that were looked at.
    pub looked_at: i64,
    /// Whether those are all that there are.
    pub is_whole: bool,
}

/// The row that only counts has no id.
fn found(kind: Kind, row: &Row) -> Option<Found> {
    let id: Uuid = row.get::<_, Option<Uuid>>(3)?;
    let (place, piece): (i32, &str) = (row.get(5), row.get(6));
    Some(Found { kind, id, score: row.get(4), snippet: crate::snippet::of(place, piece) })
}

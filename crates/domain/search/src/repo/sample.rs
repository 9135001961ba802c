//! What the newest entries of a kind tell of all: how common a term is, and how
//! much an index has to go through to find it.

use jiff::{SignedDuration, Timestamp};
use postgres_types::ToSql;
use sayso_db::{DbError, Queries, Sql};
use sayso_kernel::matcher::{Matcher, Way};

use crate::model::Kind;

/// How many of the newest entries of a kind are looked at to see how common a
/// term is.
pub(super) const SAMPLE: i64 = 1000;
/// From how many of those on a term is common: its index would name so many
/// entries that looking at the newest ones is quicker.
pub(super) const COMMON_MIN: i64 = 8;

/// Entries of the rarest piece of a term that an index may go through in all
/// time at once: a third of those that took it 72 ms,
const PIECES_MAX: i64 = 200_000;
/// and messages of a window where it has more: where every ninth holds the
/// piece, none of two hundred such windows took more than 32 ms.
const WINDOW_MAX: i64 = 300_000;

macro_rules! sample {
    ($name:literal, $table:literal) => {
        Sql::new(
            $name,
            concat!(
                "WITH s AS MATERIALIZED (
                     SELECT search_text, search_grams, created_at FROM ",
                $table,
                " WHERE deleted_at IS NULL ORDER BY id DESC LIMIT 1000
                 )
                 SELECT count(*), count(*) FILTER (WHERE
                     CASE $1 WHEN 'parts' THEN s.search_text LIKE ANY ($2::text[])
                                               AND s.search_text LIKE ANY ($3::text[])
                             WHEN 'starts' THEN s.search_text ~ ANY ($2)
                             ELSE s.search_grams @> $2 END),
                     max(s.created_at), min(s.created_at),
                     (SELECT created_at FROM ",
                $table,
                " WHERE deleted_at IS NULL ORDER BY id LIMIT 1),
                     ARRAY(SELECT count(p.place) FROM unnest($4::text[]) WITH ORDINALITY g (gram, place)
                           LEFT JOIN LATERAL (
                               SELECT g.place FROM s WHERE s.search_text LIKE g.gram) p ON true
                           GROUP BY g.place ORDER BY g.place)
                 FROM s"
            ),
        )
    };
}

const SAMPLE_OF_TASKS: Sql = sample!("search.sample_of_tasks", "tasks");
const SAMPLE_OF_MESSAGES: Sql = sample!("search.sample_of_messages", "messages");

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&SAMPLE_OF_TASKS, &SAMPLE_OF_MESSAGES];

/// What the newest entries tell of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// How many fit,
    pub(super) hits: i64,
    /// and how many hold the rarest piece of what is asked of the index.
    pub(super) pieces: i64,
    /// The newest entry, the last of those looked at, and the first of all.
    pub(super) newest: Timestamp,
    pub(super) last: Timestamp,
    pub(super) oldest: Timestamp,
}

impl Sample {
    /// In how much time so many entries come, if they come as the newest do.
    pub(super) fn lasting(&self, entries: i64) -> SignedDuration {
        let span = self.newest.duration_since(self.last).as_secs().max(1);
        let lasting = i128::from(span) * i128::from(entries) / i128::from(SAMPLE);
        SignedDuration::from_secs(i64::try_from(lasting).unwrap_or(i64::MAX))
    }

    /// How long a window may be for what an index has to go through.
    pub(super) fn longest(&self) -> SignedDuration {
        let all = self.newest.duration_since(self.oldest);
        let at_once = self.lasting(PIECES_MAX.saturating_mul(SAMPLE) / self.pieces.max(1));
        if all <= at_once { SignedDuration::MAX } else { self.lasting(WINDOW_MAX) }
    }
}

/// Looks at the newest entries, unless the kind has few.
pub(super) async fn sample(
    db: &mut impl Queries,
    kind: Kind,
    matcher: &Matcher,
) -> Result<Option<Sample>, DbError> {
    let way = match matcher.way {
        Way::Parts => "parts",
        Way::Starts => "starts",
        Way::Pairs => "pairs",
        Way::Newest => return Ok(None),
    };
    let sql = match kind {
        Kind::Task => &SAMPLE_OF_TASKS,
        Kind::Message => &SAMPLE_OF_MESSAGES,
        Kind::Channel | Kind::User => return Ok(None),
    };
    let pieces = matcher.pieces();
    let params: [&(dyn ToSql + Sync); 4] = [&way, &matcher.key, &matcher.second, &pieces.patterns];
    let row = db.row(sql, &params).await?;
    Ok(row.filter(|row| row.get::<_, i64>(0) >= SAMPLE).map(|row| Sample {
        hits: row.get(1),
        pieces: pieces.rarest(&row.get::<_, Vec<i64>>(5)),
        newest: row.get(2),
        last: row.get(3),
        oldest: row.get(4),
    }))
}

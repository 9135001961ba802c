//! The table `audit_log`, read only.
//!
//! A list is asked in the order of the chain, the newest first. It comes
//! through the index of the filter that leaves the fewest entries, which is
//! chosen here and not left to a plan that is made for all questions at once.

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql};

use crate::model::{Entry, Filter};

/// A list through one way in.
macro_rules! list {
    ($name:literal, $from:expr) => {
        Sql::new(
            $name,
            concat!(
                "SELECT a.seq, a.at, a.action, a.actor_id, a.subject_type, a.subject_id, a.entry,
                        encode(a.hash, 'hex')
                 FROM ",
                $from,
                " AND ($1::uuid[] IS NULL OR a.actor_id = ANY ($1))
                  AND ($2::text[] IS NULL OR a.action = ANY ($2))
                  AND ($3::text IS NULL OR a.subject_type = $3)
                  AND ($4::uuid IS NULL OR a.subject_id = $4)
                  AND ($5::timestamptz IS NULL OR a.at >= $5)
                  AND ($6::timestamptz IS NULL OR a.at < $6)
                  AND ($7::text IS NULL OR ",
                correlation!(),
                " = $7)
                  AND ($8::text IS NULL OR ",
                session!(),
                " = $8 OR (a.subject_type = 'session' AND a.subject_id = $8::uuid))
                  AND ($9::bigint IS NULL OR a.seq < $9)
                 ORDER BY a.seq DESC LIMIT $10"
            ),
        )
    };
}

/// The request in the text of an entry. Entries are JSON written by us, whose
/// keys come in order, and in whose texts every quotation mark is escaped; the
/// details, which may hold keys of a client, come after it. The index is over
/// these very words, which cost a fifth of a regular expression.
macro_rules! correlation {
    () => {
        "left(split_part(a.entry, '\"correlationId\":\"', 2), 36)"
    };
}

/// The session, likewise: the last one, for the details come before it.
macro_rules! session {
    () => {
        "left(split_part(a.entry, '\"sessionId\":\"', -1), 36)"
    };
}

const OF_ALL: Sql = list!("audit.list", "audit_log a WHERE true");
const OF_ACTOR: Sql =
    list!("audit.list_of_actor", "audit_log a WHERE a.actor_id = ($1::uuid[])[1]");
const OF_ACTION: Sql =
    list!("audit.list_of_action", "audit_log a WHERE a.action = ($2::text[])[1]");
const OF_SUBJECT: Sql = list!("audit.list_of_subject", "audit_log a WHERE a.subject_id = $4");
const OF_CORRELATION: Sql =
    list!("audit.list_of_correlation", concat!("audit_log a WHERE ", correlation!(), " = $7"));
// OFFSET 0: few entries, found by two indexes and then sorted, never by
// walking the chain.
const OF_SESSION: Sql = list!(
    "audit.list_of_session",
    concat!(
        "(SELECT * FROM audit_log a WHERE ",
        session!(),
        " = $8 OR (a.subject_type = 'session' AND a.subject_id = $8::uuid) OFFSET 0) a WHERE true"
    )
);

/// The statements of this crate.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    vec![&OF_ALL, &OF_ACTOR, &OF_ACTION, &OF_SUBJECT, &OF_CORRELATION, &OF_SESSION]
}

fn way(filter: &Filter) -> &'static Sql {
    let is_one = |count: Option<usize>| count == Some(1);
    if filter.correlation_id.is_some() {
        &OF_CORRELATION
    } else if filter.subject_id.is_some() {
        &OF_SUBJECT
    } else if filter.session.is_some() {
        &OF_SESSION
    } else if is_one(filter.actors.as_ref().map(Vec::len)) {
        &OF_ACTOR
    } else if is_one(filter.actions.as_ref().map(Vec::len)) {
        &OF_ACTION
    } else {
        &OF_ALL
    }
}

/// The entries before `before`, or the newest; `limit` at the most.
pub(crate) async fn list(
    db: &mut impl Queries,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let correlation = filter.correlation_id.map(|id| id.to_string());
    let session = filter.session.map(|id| id.to_string());
    let rows = db
        .rows(
            way(filter),
            &[
                &filter.actors,
                &filter.actions,
                &filter.subject_type,
                &filter.subject_id,
                &filter.from,
                &filter.to,
                &correlation,
                &session,
                &before,
                &limit,
            ],
        )
        .await?;
    Ok(rows.iter().map(entry).collect())
}

fn entry(row: &Row) -> Entry {
    Entry {
        seq: row.get(0),
        at: row.get(1),
        action: row.get(2),
        actor_id: row.get::<_, Option<UserId>>(3),
        subject_type: row.get(4),
        subject_id: row.get(5),
        recorded: row.get(6),
        hash: row.get(7),
    }
}

//! The judge of the log: are the numbers without holes, is nothing missing,
//! nothing there twice, is every event as the document promises it, and does
//! the audit hold?

use std::time::Duration;

use sayso_db::{Db, DbError, Queries, Sql};
use sayso_events::{AuditKey, Event, Log, verify_chain};

use crate::ctx::root_key;
use crate::schemas::Schemas;
use crate::until::until;

/// How long the sequencer may need to have numbered everything.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);

/// Events that are read at once.
const PAGE: i64 = 500;

const WAITING: Sql = Sql::new("judge.waiting", "SELECT count(*) FROM outbox");

/// Each row is one thing that is wrong, in words.
const LOG: Sql = Sql::new(
    "judge.log",
    "SELECT format('the head is at %s, the last position is %s', h.position, l.last)
     FROM log_head h CROSS JOIN (SELECT coalesce(max(position), 0) AS last FROM event_log) l
     WHERE h.position <> l.last
     UNION ALL
     SELECT format('%s positions between %s and %s', count(*), min(position), max(position))
     FROM event_log HAVING count(*) <> max(position) - min(position) + 1
     UNION ALL
     SELECT format('fact %s has %s positions', fact_id, count(*))
     FROM event_log GROUP BY fact_id HAVING count(*) > 1
     UNION ALL
     SELECT format('%s: seq %s where %s was due, at position %s', stream, seq, due, position)
     FROM (
         SELECT stream, seq, position,
                min(seq) OVER w - 1 + row_number() OVER (w ORDER BY position) AS due
         FROM event_streams WINDOW w AS (PARTITION BY stream)
     ) s WHERE seq <> due
     UNION ALL
     SELECT format('%s: the head is %s, the last seq is %s', h.stream, h.seq, max(s.seq))
     FROM stream_heads h LEFT JOIN event_streams s USING (stream)
     GROUP BY h.stream, h.seq HAVING h.seq IS DISTINCT FROM max(s.seq)
     UNION ALL
     SELECT format('position %s says %s:%s, its streams say %s', coalesce(l.position, s.position),
                   coalesce(l.stream, s.stream), l.seq, s.seq)
     FROM (SELECT e.position, u.stream, u.seq
           FROM event_log e CROSS JOIN LATERAL unnest(e.streams, e.seqs) AS u(stream, seq)) l
     FULL JOIN event_streams s ON s.position = l.position AND s.stream = l.stream
     WHERE l.seq IS DISTINCT FROM s.seq
     UNION ALL
     SELECT format('the audit ends at %s (%s entries), the head says %s',
                   a.last, a.count, h.audit_seq)
     FROM log_head h
     CROSS JOIN (SELECT coalesce(max(seq), 0) AS last, count(*) AS count FROM audit_log) a
     WHERE h.audit_seq <> a.last OR h.audit_seq <> a.count
     UNION ALL
     SELECT format('audit entry %s does not end the chain as the head has it', a.seq)
     FROM log_head h JOIN audit_log a ON a.seq = h.audit_seq WHERE a.hash <> h.audit_hash
     LIMIT 20",
);

/// Everything that is wrong with the log and the audit, in words; empty when
/// all is well. Facts that still wait in the outbox are not wrong.
///
/// # Errors
/// When the database cannot be read.
pub async fn log(db: &Db) -> Result<Vec<String>, DbError> {
    let rows = db.read().rows(&LOG, &[]).await?;
    let mut wrong: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    wrong.extend(unfit(db).await?);
    if let Err(seq) = verify_chain(db, &AuditKey::of(&root_key())).await? {
        wrong.push(format!("the audit chain breaks at entry {seq}"));
    }
    Ok(wrong)
}

/// Events that do not fit their schema, whether a socket heard them or not.
async fn unfit(db: &Db) -> Result<Vec<String>, DbError> {
    let log = Log::new(db.clone());
    let (mut after, mut wrong) = (0, Vec::new());
    loop {
        let page = log.after(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(wrong) };
        after = last.position;
        wrong.extend(page.iter().filter_map(fault));
    }
}

/// What is wrong with an event as it is sent to clients. On each of its streams
/// it says the same; what is on none is told to nobody.
fn fault(event: &Event) -> Option<String> {
    let sent = event.encoded(event.streams.first()?);
    let sent = serde_json::from_str(sent.get()).expect("what is sent is JSON");
    let fault = Schemas::golden().fault(&event.kind, &sent)?;
    Some(format!("position {} does not fit: {fault}", event.position))
}

/// Facts that wait to be numbered.
///
/// # Errors
/// When the database cannot be read.
pub async fn waiting(db: &Db) -> Result<i64, DbError> {
    let row = db.read().row(&WAITING, &[]).await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// Waits until everything committed has its number.
///
/// # Panics
/// When that takes more than ten seconds.
pub async fn settle(db: &Db) {
    until("an empty outbox", SETTLED_WITHIN, async || {
        waiting(db).await.is_ok_and(|count| count == 0).then_some(())
    })
    .await;
}

/// Waits until everything committed has its number, and judges.
///
/// # Panics
/// When something is wrong with the log or the audit.
pub async fn assert_settled(db: &Db) {
    settle(db).await;
    let wrong = log(db).await.expect("the log can be read");
    assert!(wrong.is_empty(), "the log is wrong:\n  {}", wrong.join("\n  "));
}

#[cfg(test)]
mod tests {
    use sayso_events::Placed;
    use sayso_kernel::Timestamp;
    use serde_json::value::RawValue;
    use uuid::Uuid;

    use super::*;

    const ID: &str = r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#;

    fn event(kind: &str, data: &str, streams: &[&str]) -> Event {
        Event {
            position: 7,
            id: Uuid::from_u128(1),
            kind: kind.to_owned(),
            version: 0,
            at: Timestamp::UNIX_EPOCH,
            actor_id: None,
            via: "http".to_owned(),
            correlation_id: Uuid::from_u128(2),
            streams: streams.iter().map(|name| Placed::new((*name).to_owned(), 1)).collect(),
            data: RawValue::from_string(data.to_owned()).expect("it is JSON"),
            change: None,
            effects: Vec::new(),
            trace: None,
        }
    }

    #[test]
    fn an_event_that_is_not_as_the_document_promises_is_found_and_what_nobody_hears_is_not_asked() {
        let streams = &["user:1", "user:2"][..];
        assert_eq!(fault(&event("task.gone", ID, streams)), None);
        assert_eq!(fault(&event("it.happened", "{}", streams)), None);
        assert_eq!(fault(&event("audit.sealed", "null", &[])), None);

        let untold = r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","title":"still told"}"#;
        for (kind, data) in [("task.gone", untold), ("task.gone", "{}"), ("task.went", ID)] {
            let found = fault(&event(kind, data, streams));
            let is_named = found.as_ref().is_some_and(|it| it.starts_with("position 7 "));
            assert!(is_named, "{kind} {data}: {found:?}");
        }
    }
}

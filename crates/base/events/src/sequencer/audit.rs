//! The hash chain of the audit.

use std::borrow::Cow;

use sayso_db::{Db, DbError, Queries, Row, Sql};
use sayso_kernel::Timestamp;
use sayso_kernel::secret::{RootKey, hmac_sha256};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::batch::Waiting;
use super::leader::Leader;

/// Entries read in one statement while verifying.
const PAGE: i64 = 1000;
/// Events among which seals are looked for in one statement.
const STRETCH: i64 = 5000;

pub(super) const CHAIN: Sql = Sql::new(
    "audit.chain",
    "SELECT seq, entry, hash, at, action, actor_id, subject_type, subject_id
     FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2",
);

/// Appends audit entries and moves the end of the chain.
pub(super) const AUDIT: Sql = Sql::new(
    "sequencer.audit",
    "WITH appended AS (
         INSERT INTO audit_log (seq, position, at, action, actor_id, subject_type, subject_id,
                                entry, hash)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::uuid[],
                              $6::text[], $7::uuid[], $8::text[], $9::bytea[])
     )
     UPDATE log_head SET audit_hash = $10",
);

/// Where the chain ends, as the sequencer left it.
pub(super) const END: Sql = Sql::new("audit.end", "SELECT audit_seq, audit_hash FROM log_head");

/// Signs the end of the audit into the log, when it has moved since the last
/// seal: entries that are cut off at the end are missed there.
pub(super) const SEAL: Sql = Sql::new(
    "audit.seal",
    "WITH head AS (
         SELECT audit_seq, audit_hash FROM log_head WHERE audit_seq > $3
     ), sealed AS (
         INSERT INTO outbox (fact_id, type, version, at, via, correlation_id, streams, data)
         SELECT $1, 'audit.sealed', 0, $2, 'system', $1, '{}',
                json_build_object('seq', audit_seq, 'hash', encode(audit_hash, 'hex'))
         FROM head
     )
     SELECT audit_seq FROM head",
);

/// From where to where the log reaches, and with it the seals.
pub(super) const SEALED: Sql = Sql::new(
    "audit.sealed",
    "SELECT (SELECT position FROM event_log ORDER BY position LIMIT 1),
            (SELECT position FROM event_log ORDER BY position DESC LIMIT 1)",
);

/// Seals of a stretch of the log that the audit does not bear out: the entry is
/// gone, or is another.
pub(super) const BROKEN_SEALS: Sql = Sql::new(
    "audit.broken_seals",
    "SELECT min(s.seq) FROM (
         SELECT (data ->> 'seq')::bigint AS seq, data ->> 'hash' AS hash
         FROM event_log WHERE position >= $1 AND position < $2 AND type = 'audit.sealed'
     ) s LEFT JOIN audit_log a ON a.seq = s.seq
     WHERE encode(a.hash, 'hex') IS DISTINCT FROM s.hash",
);

/// The key of the chain: without it no entry can be forged.
#[derive(Clone)]
pub struct AuditKey([u8; 32]);

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[audit key]")
    }
}

impl AuditKey {
    /// The audit key of a deployment.
    #[must_use]
    pub fn of(root: &RootKey) -> Self {
        Self(root.derive("audit"))
    }

    /// The hash of an entry: over the hash before it, its number, and its
    /// bytes as they are stored.
    pub(super) fn link(&self, before: &[u8], seq: i64, entry: &str) -> [u8; 32] {
        hmac_sha256(&self.0, &[before, &seq.to_be_bytes(), entry.as_bytes()])
    }
}

/// The keys that a chain was signed with, each in its turn: a stretch of the
/// chain is one key's, a key that was left never signs again, and the present
/// one is the last.
struct Turns<'a> {
    /// Who signs at this point of the chain.
    signing: Option<&'a AuditKey>,
    /// Who may still have a turn; the present one stands at the end.
    waiting: Vec<&'a AuditKey>,
}

impl<'a> Turns<'a> {
    fn new(present: &'a AuditKey, earlier: &'a [AuditKey]) -> Self {
        Self { signing: None, waiting: earlier.iter().chain([present]).collect() }
    }

    /// Whether this is the hash of an entry by whoever signs here, or by one
    /// whose turn begins here.
    fn is_signed(&mut self, hash: &[u8], link: impl Fn(&AuditKey) -> [u8; 32]) -> bool {
        if self.signing.is_some_and(|key| hash == link(key)) {
            return true;
        }
        let Some(turn) = self.waiting.iter().position(|key| hash == link(key)) else {
            return false;
        };
        self.signing = Some(self.waiting.remove(turn));
        if turn == self.waiting.len() {
            self.waiting.clear();
        }
        true
    }

    /// Whether the present key signs.
    fn is_last(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// A chain that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its entries.
    pub entries: i64,
    /// How many of them, at its end, the present key has signed.
    pub by_present_key: i64,
}

/// Walks the chain from its beginning to the end that the head of the log
/// names, and compares it with the seals that the log still holds. `Ok(count)`
/// when all holds; `Err(seq)` inside names the first entry that does not, or
/// that is missing.
///
/// What an entry is found by (its kind, its person, its subject, its time) is
/// compared with its text, which alone is hashed.
pub async fn verify_chain(db: &Db, key: &AuditKey) -> Result<Result<i64, i64>, DbError> {
    Ok(verify_chain_of(db, key, &[], |_, _| ()).await?.map(|chain| chain.entries))
}

/// The same of a chain that may have begun under keys before the present one.
/// `told` hears again and again how many entries hold, and of how many.
pub async fn verify_chain_of(
    db: &Db,
    key: &AuditKey,
    earlier: &[AuditKey],
    mut told: impl FnMut(i64, i64),
) -> Result<Result<Chain, i64>, DbError> {
    let mut turns = Turns::new(key, earlier);
    let mut by_present_key = 0;
    let end = db.read().row(&END, &[]).await?;
    let (last, at_last): (i64, Vec<u8>) =
        end.map_or_else(Default::default, |row| (row.get(0), row.get(1)));
    let mut before: Vec<u8> = Vec::new();
    let mut seq = 0;
    loop {
        let rows = db.read().rows(&CHAIN, &[&seq, &PAGE]).await?;
        if rows.is_empty() && seq < last {
            return Ok(Err(seq + 1));
        }
        if rows.is_empty() {
            let holds = Ok(Chain { entries: seq, by_present_key });
            return Ok(broken_seal(db).await?.map_or(holds, Err));
        }
        for row in &rows {
            let (found, entry, hash): (i64, &str, Vec<u8>) = (row.get(0), row.get(1), row.get(2));
            let is_linked =
                found == seq + 1 && turns.is_signed(&hash, |key| key.link(&before, found, entry));
            let is_end = found != last || hash == at_last;
            if !is_linked || !is_end || !is_found_by_its_text(row) {
                return Ok(Err(seq + 1));
            }
            seq = found;
            before = hash;
            by_present_key += i64::from(turns.is_last());
        }
        told(seq, last.max(seq));
    }
}

/// The first entry that a seal of the log speaks against.
async fn broken_seal(db: &Db) -> Result<Option<i64>, DbError> {
    let ends = db.read().row(&SEALED, &[]).await?;
    let (first, last): (Option<i64>, Option<i64>) =
        ends.map_or_else(Default::default, |row| (row.get(0), row.get(1)));
    let (Some(mut first), Some(last)) = (first, last) else { return Ok(None) };
    let mut broken: Option<i64> = None;
    while first <= last {
        let row = db.read().row(&BROKEN_SEALS, &[&first, &(first + STRETCH)]).await?;
        let found: Option<i64> = row.and_then(|row| row.get(0));
        broken = broken.into_iter().chain(found).min();
        first += STRETCH;
    }
    Ok(broken)
}

/// Whether one of `keys` has signed the newest entry of the audit; `None` while
/// there is none. A look at the end, where [`verify_chain`] walks all of it.
///
/// All keys are held against one reading: between two of them another node may
/// sign, and under another of these keys.
pub async fn fits_the_audit(db: &Db, keys: &[AuditKey]) -> Result<Option<bool>, DbError> {
    let end = db.read().row(&END, &[]).await?;
    let last: i64 = end.map_or(0, |row| row.get(0));
    let mut rows = db.read().rows(&CHAIN, &[&(last - 2), &2_i64]).await?;
    // What was signed since the end was read is not the end that was read.
    rows.retain(|row| row.get::<_, i64>(0) <= last);
    let Some(newest) = rows.last() else { return Ok(None) };
    let before: Vec<u8> = if rows.len() > 1 { rows[0].get(2) } else { Vec::new() };
    let (seq, entry, hash): (i64, &str, Vec<u8>) = (newest.get(0), newest.get(1), newest.get(2));
    let is_signed = keys.iter().any(|key| hash == key.link(&before, seq, entry));
    Ok(Some(seq == last && is_signed))
}

/// Appends the entries of a batch, behind the end of the chain that was read
/// with its numbers.
pub(super) async fn append(
    leader: &Leader,
    key: &AuditKey,
    rows: &[Waiting],
    positions: &[i64],
    numbered: &Row,
) -> Result<(), DbError> {
    let mut seq: i64 = numbered.get(1);
    let mut end: Vec<u8> = numbered.get(2);
    let (mut seqs, mut places, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut actions, mut actors) = (Vec::new(), Vec::new());
    let (mut subject_types, mut subject_ids) = (Vec::new(), Vec::new());
    let (mut entries, mut hashes) = (Vec::new(), Vec::new());
    for (row, position) in rows.iter().zip(positions) {
        let Some(entry) = &row.audit else { continue };
        seq += 1;
        end = key.link(&end, seq, entry).to_vec();
        seqs.push(seq);
        places.push(*position);
        times.push(row.at);
        actions.push(row.kind.as_str());
        actors.push(row.actor_id);
        let about = subject(entry);
        subject_ids.push(about.as_ref().map(|about| about.id));
        subject_types.push(about.map(|about| about.kind));
        entries.push(entry.as_str());
        hashes.push(end.clone());
    }
    leader
        .client
        .execute(
            &leader.prepared.audit,
            &[
                &seqs,
                &places,
                &times,
                &actions,
                &actors,
                &subject_types,
                &subject_ids,
                &entries,
                &hashes,
                &end,
            ],
        )
        .await?;
    Ok(())
}

/// What an entry is about.
#[derive(Deserialize)]
pub(super) struct Subject<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    pub(super) id: Option<Uuid>,
}

/// What the text of an entry says it is about; nothing, too, where the text is
/// none of ours: the entry is kept all the same.
pub(super) fn subject(entry: &str) -> Option<Subject<'_>> {
    #[derive(Deserialize)]
    struct Entry<'a> {
        #[serde(borrow)]
        subject: Option<Subject<'a>>,
    }
    serde_json::from_str::<Entry>(entry).ok()?.subject
}

/// Whether the columns by which an entry is found say what its text says.
fn is_found_by_its_text(row: &Row) -> bool {
    let Ok(text) = serde_json::from_str::<Value>(row.get(1)) else { return false };
    let id = |value: &Value| value.as_str().and_then(|id| id.parse::<Uuid>().ok());
    let at: Timestamp = row.get(3);
    let (actor, subject): (Option<Uuid>, Option<Uuid>) = (row.get(5), row.get(7));
    text["at"].as_str().and_then(|text| text.parse().ok()) == Some(at)
        && text["action"].as_str() == row.get(4)
        && id(&text["actorId"]) == actor
        && text["subject"]["type"].as_str() == row.get(6)
        && id(&text["subject"]["id"]) == subject
}

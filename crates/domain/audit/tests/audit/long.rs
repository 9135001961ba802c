//! An audit that is long: what is rare is found, however far back it stands, and
//! no statement looks at more than a stride of it.

use jiff::Timestamp;
use sayso_access::{Role, SessionId, UserId};
use sayso_audit::model::Filter;
use sayso_audit::service;
use sayso_kernel::Random;
use sayso_testkit::{TestCtx, TestDatabase};
use tokio_postgres::Client;

/// Entries of the chain: more than one list looks at.
const ENTRIES: i64 = 45_000;
/// What three of them are.
const RARE: [i64; 3] = [7, 8, 31_000];

/// A minute each, but for every hundredth, which is written by a clock that is
/// twenty hours late; by seven people, who do one of five things in one of three
/// sessions; every fiftieth is about a session.
const CHAIN: &str = "
    INSERT INTO audit_log (seq, position, at, action, actor_id, subject_type, subject_id, entry,
                           hash)
    SELECT n, n, '2026-01-01Z'::timestamptz + n * interval '1 minute'
                 - CASE WHEN n % 100 = 0 THEN interval '20 hours' ELSE interval '0' END,
           'thing.' || CASE WHEN n = ANY ($2) THEN 'rare' ELSE (n * 31 % 5)::text END,
           lpad((n * 17 % 7)::text, 32, '0')::uuid,
           CASE WHEN n = ANY ($2) THEN 'rare' WHEN n % 50 = 0 THEN 'session' ELSE 'thing' END,
           CASE WHEN n % 50 = 0 THEN lpad((n / 50 % 3)::text, 32, '0')::uuid END,
           format('{\"sessionId\":\"%s\"}', lpad((n % 3)::text, 32, '0')::uuid), '\\x00'
    FROM generate_series(1, $1::bigint) n";

struct Long {
    database: TestDatabase,
    client: Client,
    ctx: TestCtx,
}

impl Long {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let client = database.owner().await;
        client.execute(CHAIN, &[&ENTRIES, &RARE.to_vec()]).await.unwrap();
        Self { database, client, ctx: TestCtx::new() }
    }

    /// All pages of a list, and how many they were.
    async fn list(&self, filter: &Filter, limit: u32) -> (Vec<i64>, usize) {
        let ctx = self.ctx.acting(Role::Ceo);
        let (mut seqs, mut pages, mut cursor) = (Vec::new(), 0, None::<String>);
        loop {
            let page = (cursor.as_deref(), limit);
            let page = service::list(self.database.db(), &ctx, filter, page).await.unwrap();
            assert!(page.items.len() <= usize::try_from(limit).unwrap());
            seqs.extend(page.items.iter().map(|entry| entry.seq));
            pages += 1;
            cursor = page.next_cursor;
            if cursor.is_none() {
                return (seqs, pages);
            }
        }
    }

    /// The same, read from end to end.
    async fn read(&self, which: &str) -> Vec<i64> {
        let sql = format!("SELECT seq FROM audit_log WHERE {which} ORDER BY seq DESC");
        self.client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

fn person(n: u128) -> UserId {
    UserId(uuid::Uuid::from_u128(n))
}

#[tokio::test]
async fn what_is_rare_is_found_and_a_page_that_is_short_goes_on() {
    let long = Long::new().await;

    let rare = Filter { subject_type: Some("rare".to_owned()), ..Filter::default() };
    let (seqs, pages) = long.list(&rare, 2).await;
    let actions = ["thing.rare", "thing.gone"].map(str::to_owned).to_vec();
    let by_index = Filter { actions: Some(actions), ..Filter::default() };

    assert_eq!((seqs, pages), (vec![31_000, 8, 7], 2), "the first page ends at its last stride");
    assert_eq!(long.list(&by_index, 2).await, (vec![31_000, 8, 7], 2));
    assert_eq!(long.list(&by_index, 3).await, (vec![31_000, 8, 7], 1));
}

#[tokio::test]
async fn whatever_is_asked_the_pages_are_what_a_reading_from_end_to_end_finds() {
    let long = Long::new().await;
    let random = Random::seeded(7);
    for _ in 0..10 {
        let (mut filter, mut which) = (Filter::default(), vec!["true".to_owned()]);
        if random.below(2) == 0 {
            let people = [random.below(7), random.below(7), random.below(9)].map(u128::from);
            filter.actors = Some(people.map(person).to_vec());
            let people = people.map(|n| format!("lpad('{n}', 32, '0')::uuid")).join(", ");
            which.push(format!("actor_id IN ({people})"));
        }
        if random.below(2) == 0 {
            let actions = [random.below(5), random.below(6)].map(|n| format!("thing.{n}"));
            which.push(format!("action IN ('{}')", actions.join("', '")));
            filter.actions = Some(actions.to_vec());
        }
        if random.below(3) == 0 {
            let session = uuid::Uuid::from_u128(random.below(3).into());
            filter.session = Some(SessionId(session));
            which.push(format!(
                "(entry LIKE '%{session}%' OR subject_type = 'session' AND subject_id = '{session}')"
            ));
        }
        let minute = |n: u32| {
            let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
            start + jiff::SignedDuration::from_mins(i64::from(n))
        };
        let (from, to) = (random.below(45_000), random.below(45_000));
        if random.below(3) > 0 {
            filter.from = Some(minute(from));
            which.push(format!("at >= '{}'", minute(from)));
        }
        if random.below(3) > 0 {
            filter.to = Some(minute(to));
            which.push(format!("at < '{}'", minute(to)));
        }

        let (seqs, _) = long.list(&filter, 100).await;

        assert!(seqs == long.read(&which.join(" AND ")).await, "{filter:?}");
    }
}

#[tokio::test]
async fn where_an_entry_is_missing_a_time_is_still_found() {
    let long = Long::new().await;
    let superuser = long.database.superuser().await;
    superuser
        .batch_execute(
            "SET session_replication_role = replica;
             DELETE FROM audit_log WHERE seq IN (30000, 30001, 45001, 15000)",
        )
        .await
        .unwrap();
    let from = "2026-01-20T00:00:00Z".parse().unwrap();
    let filter = Filter {
        from: Some(from),
        to: Some(from + jiff::SignedDuration::from_mins(30)),
        ..Filter::default()
    };

    let (seqs, _) = long.list(&filter, 100).await;

    assert_eq!(seqs, long.read("at >= '2026-01-20Z' AND at < '2026-01-20 00:30Z'").await);
    assert!(seqs.len() > 20);
}

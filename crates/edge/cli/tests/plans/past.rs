//! What happened in a company, for the statements that read it: a company as
//! `sayso seed` makes it has a past without events.
//!
//! A part of its messages are written down as facts, each with a login before
//! it, and ordered by a sequencer as facts always are. The last of them still
//! wait for it.

use std::time::Duration;

use sayso_db::Db;
use sayso_testkit::{Candidate, judge, until};
use tokio_postgres::Client;

/// How long the sequencer may take for all.
const WITHIN: Duration = Duration::from_secs(1800);

/// What waits, at the most: one batch and a little.
const WAITING: i64 = 600;

/// Three facts a message: who comes in, of whom every two-hundredth is refused,
/// what they say, and that they have read their channel. The audit's texts are
/// as Sayso writes them. Which messages, the end of their ids says: the same
/// each time.
const FACTS: &str = "
    INSERT INTO outbox (fact_id, type, version, at, actor_id, via, correlation_id, streams, data,
                        audit)
    SELECT f.id, f.kind, 1, m.created_at, m.sender_id, 'http', f.request, f.streams, f.data,
           CASE WHEN f.place < 2 THEN format('{\"action\":\"%s\",\"actorId\":\"%s\",\"address\":\"192.0.2.7\",'
                  '\"agent\":\"Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0\",\"at\":\"%s\",'
                  '\"correlationId\":\"%s\",\"details\":{\"bytes\":%s},\"requestId\":null,'
                  '\"role\":\"staff\",\"sessionId\":\"%s\",\"subject\":{\"id\":\"%s\",'
                  '\"type\":\"%s\"},\"via\":\"http\"}',
                  f.kind, m.sender_id,
                  to_char(m.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
                  f.request, length(m.content), s.id, f.subject, f.about)::json END
    FROM (SELECT *, row_number() OVER (ORDER BY created_at, id) AS n
          FROM messages WHERE ('x' || right(id::text, 12))::bit(48)::bigint % 100 < $1) m
    JOIN LATERAL (SELECT id FROM sessions WHERE user_id = m.sender_id ORDER BY id
                  OFFSET m.n % 2 LIMIT 1) s ON true
    CROSS JOIN LATERAL (VALUES
        (0, md5(m.id || 'a')::uuid, md5(m.id || 'b')::uuid,
         CASE WHEN m.n % 200 = 0 THEN 'auth.login_refused' ELSE 'auth.logged_in' END, 'user',
         m.sender_id, '{}'::text[], '{}'::json),
        (1, md5(m.id || 'c')::uuid, md5(m.id || 'd')::uuid, 'message.sent', 'message', m.id,
         ARRAY['channel:' || m.channel_id],
         json_build_object('id', m.id, 'channelId', m.channel_id, 'senderId', m.sender_id,
                           'content', m.content, 'threadId', m.thread_id, 'version', m.version,
                           'createdAt', m.created_at, 'updatedAt', m.updated_at)),
        (2, md5(m.id || 'e')::uuid, md5(m.id || 'd')::uuid, 'channel.read', 'channel', m.channel_id,
         ARRAY['user:' || m.sender_id],
         json_build_object('channelId', m.channel_id, 'lastReadAt', m.created_at))
    ) f (place, id, request, kind, about, subject, streams, data)
    ORDER BY m.created_at, m.id, f.place
    LIMIT $2";

/// Writes down so many of a hundred messages, and has them ordered.
pub async fn happens(client: &Client, db: &Db, percent: i64) {
    client.execute(FACTS, &[&percent, &i64::MAX]).await.unwrap();
    let node = Candidate::new(db).start();
    let is_done = async || (judge::waiting(db).await.unwrap() == 0).then_some(());
    until("everything to have its place", WITHIN, is_done).await;
    node.stop().await;
    // As small as it is where it is emptied all the time.
    client.batch_execute("VACUUM outbox").await.unwrap();
    client.execute(FACTS, &[&percent, &WAITING]).await.unwrap();
    client.batch_execute("VACUUM (ANALYZE)").await.unwrap();
}

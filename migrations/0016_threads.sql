-- no-transaction
-- The answers of a thread in their order, and how many there are already.

CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_thread_id_created_at_idx
    ON messages (thread_id, created_at, id) WHERE thread_id IS NOT NULL AND deleted_at IS NULL;
UPDATE messages r SET reply_count = t.replies, last_reply_at = t.last
FROM (SELECT thread_id, count(*) AS replies, max(created_at) AS last FROM messages
      WHERE thread_id IS NOT NULL AND deleted_at IS NULL GROUP BY thread_id) t
WHERE r.id = t.thread_id AND r.reply_count = 0;

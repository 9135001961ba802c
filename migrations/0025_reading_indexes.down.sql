-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_channel_id_created_at_idx
    ON messages (channel_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS messages_mentions_idx;
DROP INDEX CONCURRENTLY IF EXISTS messages_channel_id_created_at_sender_idx;

-- no-transaction
-- Reading a channel, and knowing what one has not read of it.

-- The messages of a channel in their order (messages.list), and how many of them
-- others have sent since (channels.list, channels.lookup): who sent one stands in
-- the index, so counting a thousand reads ten pages and not a thousand.
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_channel_id_created_at_sender_idx
    ON messages (channel_id, created_at, id) INCLUDE (sender_id) WHERE deleted_at IS NULL;

-- How many of them name the reader, or call the whole channel. Few do either.
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_mentions_idx
    ON messages (channel_id, created_at, id) INCLUDE (sender_id, mentions, mentions_channel)
    WHERE (mentions <> '{}' OR mentions_channel) AND deleted_at IS NULL;

-- The first of these does all that this one did.
DROP INDEX CONCURRENTLY IF EXISTS messages_channel_id_created_at_idx;

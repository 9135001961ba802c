-- no-transaction
-- The members of a channel in the order in which they came, page by page.
CREATE INDEX CONCURRENTLY IF NOT EXISTS channel_members_channel_id_joined_at_idx
    ON channel_members (channel_id, joined_at, user_id);

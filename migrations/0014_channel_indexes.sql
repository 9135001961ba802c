-- no-transaction
-- The list of public channels, newest first: what is not public is found
-- through the reader's memberships.
CREATE INDEX CONCURRENTLY IF NOT EXISTS channels_public_created_at_idx
    ON channels (created_at DESC, id DESC) WHERE kind = 'public' AND deleted_at IS NULL;
-- The members of a channel in the order in which they came.
CREATE INDEX CONCURRENTLY IF NOT EXISTS channel_members_channel_id_joined_at_idx
    ON channel_members (channel_id, joined_at, user_id);
ALTER TABLE channel_members VALIDATE CONSTRAINT channel_members_notification_level_check;

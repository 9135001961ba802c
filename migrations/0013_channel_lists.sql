-- no-transaction
-- The list of public channels, newest first: what is not public is found
-- through the reader's memberships.
CREATE INDEX CONCURRENTLY IF NOT EXISTS channels_public_created_at_idx
    ON channels (created_at DESC, id DESC) WHERE kind = 'public' AND deleted_at IS NULL;

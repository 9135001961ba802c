-- no-transaction
-- A constraint cannot be made invalid again: it is made anew, in one statement,
-- so that the way forward is open at every moment.
ALTER TABLE channel_members DROP CONSTRAINT IF EXISTS channel_members_notification_level_check,
    ADD CONSTRAINT channel_members_notification_level_check
        CHECK (notification_level IN ('all', 'mentions', 'none')) NOT VALID;
DROP INDEX CONCURRENTLY IF EXISTS channel_members_channel_id_joined_at_idx;
DROP INDEX CONCURRENTLY IF EXISTS channels_public_created_at_idx;

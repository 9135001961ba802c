-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS channel_members_channel_id_joined_at_idx;

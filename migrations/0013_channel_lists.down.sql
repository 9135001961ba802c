-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS channels_public_created_at_idx;

-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS users_name_idx;
DROP INDEX CONCURRENTLY IF EXISTS users_updated_at_idx;

-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS tasks_metadata_idx;
DROP INDEX CONCURRENTLY IF EXISTS messages_metadata_idx;
DROP INDEX CONCURRENTLY IF EXISTS channels_metadata_idx;
DROP INDEX CONCURRENTLY IF EXISTS categories_metadata_idx;
DROP INDEX CONCURRENTLY IF EXISTS users_metadata_idx;

-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS tasks_category_id_all_idx;
DROP INDEX CONCURRENTLY IF EXISTS tasks_channel_id_all_idx;
DROP INDEX CONCURRENTLY IF EXISTS messages_channel_id_all_idx;

-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS task_comments_task_id_idx;
DROP INDEX CONCURRENTLY IF EXISTS messages_thread_id_all_idx;
DROP INDEX CONCURRENTLY IF EXISTS task_comments_deleted_at_idx;
DROP INDEX CONCURRENTLY IF EXISTS channels_deleted_at_idx;
DROP INDEX CONCURRENTLY IF EXISTS messages_deleted_at_idx;

-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS messages_thread_id_created_at_idx;

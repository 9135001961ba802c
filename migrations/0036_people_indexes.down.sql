-- no-transaction

DROP INDEX CONCURRENTLY IF EXISTS users_deleted_at_idx;

DROP INDEX CONCURRENTLY IF EXISTS sessions_user_id_all_idx;

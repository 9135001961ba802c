-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS users_role_created_at_idx;

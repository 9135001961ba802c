-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS audit_log_session_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_correlation_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_at_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_subject_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_action_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_actor_idx;

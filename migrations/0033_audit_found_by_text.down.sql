-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_log_session_idx
    ON audit_log (substring(entry from '"sessionId":"([0-9a-f-]{36})"'), seq)
    WHERE substring(entry from '"sessionId":"([0-9a-f-]{36})"') IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_log_correlation_idx
    ON audit_log (substring(entry from '"correlationId":"([0-9a-f-]{36})"'), seq);
DROP INDEX CONCURRENTLY IF EXISTS audit_log_of_session_idx;
DROP INDEX CONCURRENTLY IF EXISTS audit_log_request_idx;

-- no-transaction
-- The questions to the audit: by person, by kind, about a thing, in a time, of
-- a request, of a session. All but the time in the order of the chain.

CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_log_actor_idx
    ON audit_log (actor_id, seq) WHERE actor_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_log_action_idx
    ON audit_log (action, seq);
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_log_subject_idx
    ON audit_log (subject_id, seq) WHERE subject_id IS NOT NULL;
-- The chain grows with time, so that ranges of it are enough.
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_log_at_idx
    ON audit_log USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
-- What stands in the text of an entry only; asked for in these very words.
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_log_correlation_idx
    ON audit_log (substring(entry from '"correlationId":"([0-9a-f-]{36})"'), seq);
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_log_session_idx
    ON audit_log (substring(entry from '"sessionId":"([0-9a-f-]{36})"'), seq)
    WHERE substring(entry from '"sessionId":"([0-9a-f-]{36})"') IS NOT NULL;

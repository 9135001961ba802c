-- no-transaction
-- The week of a message comes before its trigrams, and before its pairs of
-- characters (ADR 0032): an index of several columns is gone through in their
-- order, and where the trigrams of a term are frequent and the term is not, weeks
-- that come after them leave nothing out. The planner takes these for the same
-- questions, those of nodes of the release before among them.
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_week_search_text_idx
    ON messages USING gin (
        (ARRAY[date_trunc('week', created_at AT TIME ZONE 'UTC')::date]), search_text gin_trgm_ops)
    WHERE deleted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_week_search_grams_idx
    ON messages USING gin (
        (ARRAY[date_trunc('week', created_at AT TIME ZONE 'UTC')::date]), search_grams)
    WHERE deleted_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS messages_search_text_week_idx;
DROP INDEX CONCURRENTLY IF EXISTS messages_search_grams_week_idx;

-- no-transaction
-- Search looks among the messages of some weeks after the other, the newest first
-- (ADR 0032): beside trigrams, and beside pairs of characters, stands the week of
-- each message (its Monday, in an array, because that is what GIN knows). What is
-- asked of both names no message of another week. These take the place of the
-- indexes without weeks, which nodes of the release before need no longer: the
-- planner takes these for the same questions.
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_search_text_week_idx
    ON messages USING gin (search_text gin_trgm_ops,
        (ARRAY[date_trunc('week', created_at AT TIME ZONE 'UTC')::date]))
    WHERE deleted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_search_grams_week_idx
    ON messages USING gin (search_grams,
        (ARRAY[date_trunc('week', created_at AT TIME ZONE 'UTC')::date]))
    WHERE deleted_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS messages_search_text_idx;
DROP INDEX CONCURRENTLY IF EXISTS messages_search_grams_idx;

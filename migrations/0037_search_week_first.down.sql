-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_search_grams_week_idx
    ON messages USING gin (search_grams,
        (ARRAY[date_trunc('week', created_at AT TIME ZONE 'UTC')::date]))
    WHERE deleted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_search_text_week_idx
    ON messages USING gin (search_text gin_trgm_ops,
        (ARRAY[date_trunc('week', created_at AT TIME ZONE 'UTC')::date]))
    WHERE deleted_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS messages_week_search_grams_idx;
DROP INDEX CONCURRENTLY IF EXISTS messages_week_search_text_idx;

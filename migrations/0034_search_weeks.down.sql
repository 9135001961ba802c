-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_search_grams_idx
    ON messages USING gin (search_grams) WHERE deleted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_search_text_idx
    ON messages USING gin (search_text gin_trgm_ops) WHERE deleted_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS messages_search_grams_week_idx;
DROP INDEX CONCURRENTLY IF EXISTS messages_search_text_week_idx;

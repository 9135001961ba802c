-- no-transaction
-- The ways into what is searched: parts of words, and pairs of characters.

CREATE INDEX CONCURRENTLY IF NOT EXISTS users_search_text_idx
    ON users USING gin (search_text gin_trgm_ops);
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_search_grams_idx
    ON users USING gin (search_grams);

CREATE INDEX CONCURRENTLY IF NOT EXISTS channels_search_text_idx
    ON channels USING gin (search_text gin_trgm_ops) WHERE deleted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS channels_search_grams_idx
    ON channels USING gin (search_grams) WHERE deleted_at IS NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_search_text_idx
    ON messages USING gin (search_text gin_trgm_ops) WHERE deleted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_search_grams_idx
    ON messages USING gin (search_grams) WHERE deleted_at IS NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_search_text_idx
    ON tasks USING gin (search_text gin_trgm_ops) WHERE deleted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_search_grams_idx
    ON tasks USING gin (search_grams) WHERE deleted_at IS NULL;

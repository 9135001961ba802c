-- no-transaction
-- What clients keep in `metadata` is found by what it holds (`metadata @>
-- '{"ticket": "A-7"}' AND metadata <> '{}'`), by whoever joins Sayso with another
-- system. Most rows have none, and cost these indexes nothing.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_metadata_idx
    ON users USING gin (metadata jsonb_path_ops) WHERE deleted_at IS NULL AND metadata <> '{}';
CREATE INDEX CONCURRENTLY IF NOT EXISTS categories_metadata_idx
    ON categories USING gin (metadata jsonb_path_ops) WHERE deleted_at IS NULL AND metadata <> '{}';
CREATE INDEX CONCURRENTLY IF NOT EXISTS channels_metadata_idx
    ON channels USING gin (metadata jsonb_path_ops) WHERE deleted_at IS NULL AND metadata <> '{}';
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_metadata_idx
    ON messages USING gin (metadata jsonb_path_ops) WHERE deleted_at IS NULL AND metadata <> '{}';
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_metadata_idx
    ON tasks USING gin (metadata jsonb_path_ops) WHERE deleted_at IS NULL AND metadata <> '{}';

-- no-transaction
-- The orders of the list of people, beside that of their creation.

CREATE INDEX CONCURRENTLY IF NOT EXISTS users_updated_at_idx
    ON users (updated_at, id) WHERE deleted_at IS NULL;
-- By name, as it is searched: without accents, in small letters.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_name_idx
    ON users (search_fold(name), id) WHERE deleted_at IS NULL;

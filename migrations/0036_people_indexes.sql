-- no-transaction

-- Whoever is erased is forgotten in all their sessions, those that ended among
-- them.
CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_user_id_all_idx ON sessions (user_id);

-- People in the trash.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_deleted_at_idx
    ON users (deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;

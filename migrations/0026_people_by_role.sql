-- no-transaction
-- The people of one role who may come in, the longest here first
-- (users.find_by_role): the CEO and the managers are few among many.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_role_created_at_idx
    ON users (role, created_at, id) WHERE active AND deleted_at IS NULL;

-- no-transaction
-- A constraint cannot be made invalid again: it is made anew, in one statement,
-- so that the way forward is open at every moment.
ALTER TABLE messages DROP CONSTRAINT IF EXISTS messages_reactions_check,
    ADD CONSTRAINT messages_reactions_check
        CHECK (jsonb_typeof(reactions) = 'array') NOT VALID;
ALTER TABLE tasks DROP CONSTRAINT IF EXISTS tasks_category_id_fkey,
    ADD CONSTRAINT tasks_category_id_fkey
        FOREIGN KEY (category_id) REFERENCES categories (id) ON DELETE SET NULL NOT VALID;
ALTER TABLE channels DROP CONSTRAINT IF EXISTS channels_category_id_fkey,
    ADD CONSTRAINT channels_category_id_fkey
        FOREIGN KEY (category_id) REFERENCES categories (id) ON DELETE SET NULL NOT VALID;
DROP INDEX CONCURRENTLY IF EXISTS messages_thread_id_idx;
DROP INDEX CONCURRENTLY IF EXISTS tasks_deleted_at_idx;
DROP INDEX CONCURRENTLY IF EXISTS tasks_blocked_idx;
DROP INDEX CONCURRENTLY IF EXISTS tasks_category_id_created_at_idx;
DROP INDEX CONCURRENTLY IF EXISTS channels_category_id_idx;

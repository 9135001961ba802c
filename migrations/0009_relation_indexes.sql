-- no-transaction
-- Indexes and checks of tables that were there before the relations of 0006 to
-- 0008.

-- What is in a category, newest first; also for the purge of a category.
CREATE INDEX CONCURRENTLY IF NOT EXISTS channels_category_id_idx
    ON channels (category_id, created_at DESC, id DESC) WHERE category_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_category_id_created_at_idx
    ON tasks (category_id, created_at DESC, id DESC) WHERE category_id IS NOT NULL;
-- The tasks that wait for another one.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_blocked_idx
    ON tasks (created_at DESC, id DESC) WHERE blocked AND deleted_at IS NULL;
-- The trash, newest first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_deleted_at_idx
    ON tasks (deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
-- The replies of a thread, oldest first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_thread_id_idx
    ON messages (thread_id, created_at, id) WHERE thread_id IS NOT NULL AND deleted_at IS NULL;

ALTER TABLE channels VALIDATE CONSTRAINT channels_category_id_fkey;
ALTER TABLE tasks VALIDATE CONSTRAINT tasks_category_id_fkey;
ALTER TABLE messages VALIDATE CONSTRAINT messages_reactions_check;

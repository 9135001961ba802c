-- no-transaction
-- The trash, newest first, and its purge, oldest first; that of tasks is there
-- already.
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_deleted_at_idx
    ON messages (deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS channels_deleted_at_idx
    ON channels (deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS task_comments_deleted_at_idx
    ON task_comments (deleted_at) WHERE deleted_at IS NOT NULL;
-- What the keys of a purged row look for: replies to a message and comments on
-- a task, deleted ones among them.
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_thread_id_all_idx
    ON messages (thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS task_comments_task_id_idx
    ON task_comments (task_id);

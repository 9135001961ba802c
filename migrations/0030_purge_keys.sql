-- no-transaction
-- What the keys of a purged channel and of a purged category look for: rows that
-- still name it, deleted ones among them. The indexes of the lists know only what
-- is not deleted, which is no answer to a key, so each purged channel had both
-- tables read from end to end.
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_channel_id_all_idx
    ON messages (channel_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_channel_id_all_idx
    ON tasks (channel_id) WHERE channel_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_category_id_all_idx
    ON tasks (category_id) WHERE category_id IS NOT NULL;

-- no-transaction
-- Each order of the list of tasks, both ways, and the filters that leave few.

CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_updated_at_idx
    ON tasks (updated_at, id) WHERE deleted_at IS NULL;
-- Tasks without a date come last, whichever way the dates run.
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_due_date_asc_idx
    ON tasks (coalesce(due_date, 'infinity'), id) WHERE deleted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_due_date_desc_idx
    ON tasks (coalesce(due_date, '-infinity'), id) WHERE deleted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_priority_idx
    ON tasks (priority, id) WHERE deleted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_title_idx
    ON tasks (lower(title), id) WHERE deleted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_tags_idx
    ON tasks USING gin (tags) WHERE deleted_at IS NULL;

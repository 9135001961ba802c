ALTER TABLE task_comments DROP COLUMN deleted_by;
ALTER TABLE messages DROP COLUMN deleted_by;

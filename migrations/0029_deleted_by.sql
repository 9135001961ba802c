-- Who deleted a message or a comment: what somebody who runs the channel took
-- away is not brought back by whoever had said it. Null for what was deleted
-- before this was known. No foreign key: people are never removed, and the
-- column is asked for only together with its row.
ALTER TABLE messages ADD COLUMN deleted_by uuid;
ALTER TABLE task_comments ADD COLUMN deleted_by uuid;

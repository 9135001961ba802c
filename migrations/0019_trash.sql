-- What was made from what: each side keeps the other's id also when the other
-- has been purged from the trash. It then names something that is answered 404,
-- as it has been since its deletion; to clear it would be a change that nobody
-- made and nobody heard of.
ALTER TABLE messages DROP CONSTRAINT messages_task_id_fkey;
ALTER TABLE tasks DROP CONSTRAINT tasks_message_id_fkey;

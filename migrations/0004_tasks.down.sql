ALTER TABLE messages DROP CONSTRAINT messages_task_id_fkey;
DROP TABLE tasks;

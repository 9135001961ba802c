UPDATE tasks t SET message_id = NULL
WHERE message_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = t.message_id);
UPDATE messages m SET task_id = NULL
WHERE task_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = m.task_id);
ALTER TABLE tasks ADD CONSTRAINT tasks_message_id_fkey
    FOREIGN KEY (message_id) REFERENCES messages (id);
ALTER TABLE messages ADD CONSTRAINT messages_task_id_fkey
    FOREIGN KEY (task_id) REFERENCES tasks (id);

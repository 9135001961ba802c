-- What is to be done.

CREATE TABLE tasks (
    id           uuid        NOT NULL,
    channel_id   uuid,
    category_id  uuid,
    title        text        NOT NULL,
    description  text        NOT NULL DEFAULT '',
    status       text        NOT NULL DEFAULT 'todo',
    priority     smallint    NOT NULL DEFAULT 1,
    assigned_to  uuid[]      NOT NULL DEFAULT '{}',
    tags         text[]      NOT NULL DEFAULT '{}',
    due_date     timestamptz,
    due_all_day  boolean     NOT NULL DEFAULT false,
    blocked      boolean     NOT NULL DEFAULT false,
    message_id   uuid,
    metadata     jsonb       NOT NULL DEFAULT '{}',
    created_by   uuid        NOT NULL,
    completed_at timestamptz,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    deleted_at   timestamptz,
    version      integer     NOT NULL DEFAULT 1,
    revision     integer     NOT NULL DEFAULT 1,
    CONSTRAINT tasks_pkey PRIMARY KEY (id),
    CONSTRAINT tasks_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES channels (id),
    CONSTRAINT tasks_message_id_fkey FOREIGN KEY (message_id) REFERENCES messages (id),
    CONSTRAINT tasks_created_by_fkey FOREIGN KEY (created_by) REFERENCES users (id),
    CONSTRAINT tasks_status_check
        CHECK (status IN ('todo', 'in_progress', 'review', 'done', 'cancelled')),
    -- 0 low, 1 medium, 2 high, 3 urgent: a number, so that it sorts.
    CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 0 AND 3),
    CONSTRAINT tasks_completed_at_check CHECK ((status = 'done') = (completed_at IS NOT NULL)),
    CONSTRAINT tasks_title_check CHECK (char_length(title) BETWEEN 1 AND 300),
    CONSTRAINT tasks_description_check CHECK (char_length(description) <= 20000),
    CONSTRAINT tasks_assigned_to_check CHECK (cardinality(assigned_to) <= 50),
    CONSTRAINT tasks_tags_check CHECK (cardinality(tags) <= 20),
    CONSTRAINT tasks_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
-- The list of tasks, newest first: all, of a channel, of a creator.
CREATE INDEX tasks_created_at_idx ON tasks (created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX tasks_channel_id_created_at_idx ON tasks (channel_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX tasks_created_by_created_at_idx ON tasks (created_by, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;
-- The tasks of an assignee.
CREATE INDEX tasks_assigned_to_idx ON tasks USING gin (assigned_to) WHERE deleted_at IS NULL;

-- The task that was made from a message, seen from the message.
ALTER TABLE messages ADD CONSTRAINT messages_task_id_fkey
    FOREIGN KEY (task_id) REFERENCES tasks (id);

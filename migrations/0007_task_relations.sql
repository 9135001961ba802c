-- What belongs to a task: what it waits for, what is said about it, and who
-- changed what.

-- `task_id` depends on `depends_on_id`. `blocks` orders the work and closes no
-- circle; the other types only tell.
CREATE TABLE task_dependencies (
    id            uuid        NOT NULL,
    task_id       uuid        NOT NULL,
    depends_on_id uuid        NOT NULL,
    type          text        NOT NULL,
    created_by    uuid        NOT NULL,
    created_at    timestamptz NOT NULL,
    -- Set while one of its ends is deleted: a live row joins two live tasks,
    -- and comes back with the end that is restored.
    deleted_at    timestamptz,
    CONSTRAINT task_dependencies_pkey PRIMARY KEY (id),
    CONSTRAINT task_dependencies_task_id_depends_on_id_type_key
        UNIQUE (task_id, depends_on_id, type),
    -- A relation without one of its ends says nothing: it goes with the task
    -- that is purged.
    CONSTRAINT task_dependencies_task_id_fkey FOREIGN KEY (task_id)
        REFERENCES tasks (id) ON DELETE CASCADE,
    CONSTRAINT task_dependencies_depends_on_id_fkey FOREIGN KEY (depends_on_id)
        REFERENCES tasks (id) ON DELETE CASCADE,
    CONSTRAINT task_dependencies_created_by_fkey FOREIGN KEY (created_by) REFERENCES users (id),
    CONSTRAINT task_dependencies_depends_on_id_check CHECK (task_id <> depends_on_id),
    CONSTRAINT task_dependencies_type_check CHECK (type IN ('blocks', 'relates', 'duplicates'))
);
-- Who waits for a task; the other way is served by the unique key.
CREATE INDEX task_dependencies_depends_on_id_idx ON task_dependencies (depends_on_id);
-- The ways of the graph that closes no circle.
CREATE INDEX task_dependencies_blocks_idx ON task_dependencies (task_id) INCLUDE (depends_on_id)
    WHERE type = 'blocks' AND deleted_at IS NULL;

CREATE TABLE task_comments (
    id         uuid        NOT NULL,
    task_id    uuid        NOT NULL,
    author_id  uuid        NOT NULL,
    content    text        NOT NULL,
    edited_at  timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    version    integer     NOT NULL DEFAULT 1,
    revision   integer     NOT NULL DEFAULT 1,
    CONSTRAINT task_comments_pkey PRIMARY KEY (id),
    -- Comments go with the task that is purged; their authors stay.
    CONSTRAINT task_comments_task_id_fkey FOREIGN KEY (task_id)
        REFERENCES tasks (id) ON DELETE CASCADE,
    CONSTRAINT task_comments_author_id_fkey FOREIGN KEY (author_id) REFERENCES users (id),
    CONSTRAINT task_comments_content_check CHECK (char_length(content) BETWEEN 1 AND 10000)
);
-- The comments of a task, newest first.
CREATE INDEX task_comments_task_id_created_at_idx
    ON task_comments (task_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;

-- One row a change, written with it. Long text and the client's own data are
-- named, not kept.
CREATE TABLE task_history (
    id       uuid        NOT NULL,
    task_id  uuid        NOT NULL,
    at       timestamptz NOT NULL,
    actor_id uuid,
    action   text        NOT NULL,
    changes  jsonb       NOT NULL,
    version  integer     NOT NULL,
    CONSTRAINT task_history_pkey PRIMARY KEY (id),
    -- The history of a purged task goes with it; the audit stays.
    CONSTRAINT task_history_task_id_fkey FOREIGN KEY (task_id)
        REFERENCES tasks (id) ON DELETE CASCADE,
    CONSTRAINT task_history_actor_id_fkey FOREIGN KEY (actor_id) REFERENCES users (id),
    CONSTRAINT task_history_changes_check CHECK (jsonb_typeof(changes) = 'array')
);
-- The history of a task, newest first.
CREATE INDEX task_history_task_id_at_idx ON task_history (task_id, at DESC, id DESC);

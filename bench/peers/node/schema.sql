-- The tables of the peer, in a schema of their own beside Sayso's, filled with
-- the same rows. Columns, keys and indexes are what its routes need: no event
-- log, no audit, no history.

DROP SCHEMA IF EXISTS peer CASCADE;
CREATE SCHEMA peer;
SET search_path = peer, public;

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text UNIQUE,
    name          text        NOT NULL,
    role          text        NOT NULL,
    manager_id    uuid,
    active        boolean     NOT NULL,
    password_hash text,
    created_at    timestamptz NOT NULL
);
INSERT INTO users
SELECT id, email_folded, name, role, manager_id, active, NULL, created_at
FROM public.users WHERE deleted_at IS NULL;

CREATE TABLE sessions (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid        NOT NULL REFERENCES users,
    refresh_hash bytea       NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX ON sessions (user_id);

CREATE TABLE channels (
    id         uuid PRIMARY KEY,
    name       text,
    kind       text        NOT NULL,
    created_by uuid        NOT NULL,
    created_at timestamptz NOT NULL
);
INSERT INTO channels
SELECT id, name, kind, created_by, created_at FROM public.channels WHERE deleted_at IS NULL;

CREATE TABLE channel_members (
    channel_id uuid NOT NULL REFERENCES channels,
    user_id    uuid NOT NULL REFERENCES users,
    role       text NOT NULL,
    PRIMARY KEY (channel_id, user_id)
);
INSERT INTO channel_members
SELECT m.channel_id, m.user_id, m.role FROM public.channel_members m
JOIN channels c ON c.id = m.channel_id JOIN users u ON u.id = m.user_id;
CREATE INDEX ON channel_members (user_id, channel_id);

CREATE TABLE tasks (
    id           uuid PRIMARY KEY,
    channel_id   uuid REFERENCES channels,
    category_id  uuid,
    title        text        NOT NULL,
    description  text        NOT NULL DEFAULT '',
    status       text        NOT NULL DEFAULT 'todo',
    priority     text        NOT NULL DEFAULT 'medium',
    assigned_to  uuid[]      NOT NULL DEFAULT '{}',
    tags         text[]      NOT NULL DEFAULT '{}',
    due_date     timestamptz,
    due_all_day  boolean     NOT NULL DEFAULT false,
    blocked      boolean     NOT NULL DEFAULT false,
    message_id   uuid,
    metadata     jsonb       NOT NULL DEFAULT '{}',
    created_by   uuid        NOT NULL REFERENCES users,
    completed_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz,
    version      integer     NOT NULL DEFAULT 1,
    revision     integer     NOT NULL DEFAULT 1,
    words        tsvector GENERATED ALWAYS AS
                 (to_tsvector('simple', title || ' ' || description)) STORED
);
INSERT INTO tasks
SELECT t.id, t.channel_id, t.category_id, t.title, t.description, t.status,
       (ARRAY['low', 'medium', 'high', 'urgent'])[t.priority + 1], t.assigned_to, t.tags,
       t.due_date, t.due_all_day, t.blocked, t.message_id, t.metadata, t.created_by,
       t.completed_at, t.created_at, t.updated_at, t.deleted_at, t.version, t.revision
FROM public.tasks t LEFT JOIN channels c ON c.id = t.channel_id
WHERE t.channel_id IS NULL OR c.id IS NOT NULL;
CREATE INDEX ON tasks (created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX ON tasks (channel_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX ON tasks (created_by, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX ON tasks USING gin (assigned_to) WHERE deleted_at IS NULL;
CREATE INDEX ON tasks USING gin (words) WHERE deleted_at IS NULL;

CREATE TABLE task_dependencies (
    id            uuid PRIMARY KEY,
    task_id       uuid NOT NULL REFERENCES tasks,
    depends_on_id uuid NOT NULL REFERENCES tasks,
    type          text NOT NULL
);
INSERT INTO task_dependencies
SELECT d.id, d.task_id, d.depends_on_id, d.type FROM public.task_dependencies d
JOIN tasks a ON a.id = d.task_id JOIN tasks b ON b.id = d.depends_on_id
WHERE d.deleted_at IS NULL;
CREATE INDEX ON task_dependencies (task_id);
CREATE INDEX ON task_dependencies (depends_on_id);

CREATE TABLE messages (
    id         uuid PRIMARY KEY,
    channel_id uuid        NOT NULL REFERENCES channels,
    sender_id  uuid        NOT NULL REFERENCES users,
    content    text        NOT NULL,
    thread_id  uuid,
    client_id  text,
    mentions   uuid[]      NOT NULL DEFAULT '{}',
    reactions  jsonb       NOT NULL DEFAULT '[]',
    metadata   jsonb       NOT NULL DEFAULT '{}',
    edited_at  timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    version    integer     NOT NULL DEFAULT 1,
    revision   integer     NOT NULL DEFAULT 1
);
INSERT INTO messages
SELECT m.id, m.channel_id, m.sender_id, m.content, m.thread_id, m.client_id, m.mentions,
       m.reactions, m.metadata, m.edited_at, m.created_at, m.version, m.revision
FROM public.messages m JOIN channels c ON c.id = m.channel_id WHERE m.deleted_at IS NULL;
CREATE INDEX ON messages (channel_id, created_at DESC, id DESC);

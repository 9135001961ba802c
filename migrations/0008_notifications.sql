-- What a person is told, how loudly, and what a message said before.

-- The text that a message had in a version that an edit replaced.
CREATE TABLE message_revisions (
    message_id  uuid        NOT NULL,
    version     integer     NOT NULL,
    content     text        NOT NULL,
    mentions    uuid[]      NOT NULL DEFAULT '{}',
    replaced_at timestamptz NOT NULL,
    CONSTRAINT message_revisions_pkey PRIMARY KEY (message_id, version),
    -- What was erased leaves no copy behind.
    CONSTRAINT message_revisions_message_id_fkey FOREIGN KEY (message_id)
        REFERENCES messages (id) ON DELETE CASCADE,
    CONSTRAINT message_revisions_content_check CHECK (char_length(content) BETWEEN 1 AND 10000),
    CONSTRAINT message_revisions_version_check CHECK (version >= 1)
);

-- Reactions stay a column of their message: each one must change that row
-- anyway, so that its revision rises in order, and a page is read without a
-- join. Nobody asks for the reactions of a person.
ALTER TABLE messages ADD CONSTRAINT messages_reactions_check
    CHECK (jsonb_typeof(reactions) = 'array') NOT VALID;

-- How loud a channel is for a member. Muting ends by itself.
ALTER TABLE channel_members
    ADD COLUMN notification_level text NOT NULL DEFAULT 'all',
    ADD COLUMN muted_until timestamptz,
    ADD CONSTRAINT channel_members_notification_level_check
        CHECK (notification_level IN ('all', 'mentions', 'none'));

CREATE TABLE notifications (
    id            uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    type          text        NOT NULL,
    title         text        NOT NULL,
    body          text        NOT NULL DEFAULT '',
    resource_type text,
    resource_id   uuid,
    fact_id       uuid        NOT NULL,
    read_at       timestamptz,
    created_at    timestamptz NOT NULL,
    CONSTRAINT notifications_pkey PRIMARY KEY (id),
    -- One fact tells a person once, however often it is worked through.
    CONSTRAINT notifications_user_id_fact_id_key UNIQUE (user_id, fact_id),
    -- They are one person's own and of no use to another.
    CONSTRAINT notifications_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT notifications_resource_check
        CHECK ((resource_type IS NULL) = (resource_id IS NULL))
);
-- The notifications of a person, newest first: all, and the unread.
CREATE INDEX notifications_user_id_created_at_idx
    ON notifications (user_id, created_at DESC, id DESC);
CREATE INDEX notifications_user_id_unread_idx
    ON notifications (user_id, created_at DESC, id DESC) WHERE read_at IS NULL;

-- Where people talk: channels, their members, their messages.

CREATE TABLE channels (
    id           uuid        NOT NULL,
    name         text,
    description  text        NOT NULL DEFAULT '',
    kind         text        NOT NULL,
    category_id  uuid,
    archived     boolean     NOT NULL DEFAULT false,
    direct_key   text,
    member_count integer     NOT NULL DEFAULT 0,
    metadata     jsonb       NOT NULL DEFAULT '{}',
    created_by   uuid        NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    deleted_at   timestamptz,
    version      integer     NOT NULL DEFAULT 1,
    revision     integer     NOT NULL DEFAULT 1,
    CONSTRAINT channels_pkey PRIMARY KEY (id),
    CONSTRAINT channels_created_by_fkey FOREIGN KEY (created_by) REFERENCES users (id),
    CONSTRAINT channels_kind_check CHECK (kind IN ('public', 'private', 'direct')),
    CONSTRAINT channels_direct_check CHECK ((kind = 'direct') = (direct_key IS NOT NULL)),
    CONSTRAINT channels_name_check CHECK (kind = 'direct' OR char_length(name) BETWEEN 1 AND 80),
    CONSTRAINT channels_member_count_check CHECK (member_count >= 0),
    CONSTRAINT channels_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
-- A name is taken while its channel is neither archived nor deleted.
CREATE UNIQUE INDEX channels_name_key ON channels (lower(name))
    WHERE kind <> 'direct' AND NOT archived AND deleted_at IS NULL;
-- The same people have one direct channel.
CREATE UNIQUE INDEX channels_direct_key_key ON channels (direct_key) WHERE direct_key IS NOT NULL;
-- The list of channels, newest first.
CREATE INDEX channels_created_at_idx ON channels (created_at DESC, id DESC)
    WHERE deleted_at IS NULL;

CREATE TABLE channel_members (
    channel_id           uuid        NOT NULL,
    user_id              uuid        NOT NULL,
    role                 text        NOT NULL,
    joined_at            timestamptz NOT NULL,
    last_read_message_id uuid,
    last_read_at         timestamptz,
    CONSTRAINT channel_members_pkey PRIMARY KEY (channel_id, user_id),
    CONSTRAINT channel_members_channel_id_fkey FOREIGN KEY (channel_id)
        REFERENCES channels (id) ON DELETE CASCADE,
    CONSTRAINT channel_members_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT channel_members_role_check CHECK (role IN ('owner', 'admin', 'member', 'guest'))
);
-- The channels of a person.
CREATE INDEX channel_members_user_id_idx ON channel_members (user_id, channel_id);

CREATE TABLE messages (
    id         uuid        NOT NULL,
    channel_id uuid        NOT NULL,
    sender_id  uuid        NOT NULL,
    content    text        NOT NULL,
    thread_id  uuid,
    client_id  text,
    mentions   uuid[]      NOT NULL DEFAULT '{}',
    reactions  jsonb       NOT NULL DEFAULT '[]',
    task_id    uuid,
    metadata   jsonb       NOT NULL DEFAULT '{}',
    edited_at  timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    version    integer     NOT NULL DEFAULT 1,
    revision   integer     NOT NULL DEFAULT 1,
    CONSTRAINT messages_pkey PRIMARY KEY (id),
    CONSTRAINT messages_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES channels (id),
    CONSTRAINT messages_sender_id_fkey FOREIGN KEY (sender_id) REFERENCES users (id),
    CONSTRAINT messages_thread_id_fkey FOREIGN KEY (thread_id) REFERENCES messages (id),
    CONSTRAINT messages_content_check CHECK (char_length(content) BETWEEN 1 AND 10000),
    CONSTRAINT messages_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
-- The page of a channel, newest first.
CREATE INDEX messages_channel_id_created_at_idx ON messages (channel_id, created_at DESC, id DESC)
    WHERE deleted_at IS NULL;

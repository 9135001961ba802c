-- What gathers around a message: answers, reactions, and how far somebody has
-- read.

ALTER TABLE messages
    -- Whether the text calls the whole channel.
    ADD COLUMN mentions_channel boolean NOT NULL DEFAULT false,
    -- How many answers the message has, and when the last of them came. Kept
    -- here so that a page is read without counting.
    ADD COLUMN reply_count integer NOT NULL DEFAULT 0,
    ADD COLUMN last_reply_at timestamptz;

-- Who reacted how. What a message shows of it (counts, and the first people)
-- is in messages.reactions, written anew with each change.
CREATE TABLE message_reactions (
    message_id uuid        NOT NULL,
    emoji      text        NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT message_reactions_pkey PRIMARY KEY (message_id, emoji, user_id),
    -- Reactions go with the message that is purged.
    CONSTRAINT message_reactions_message_id_fkey FOREIGN KEY (message_id)
        REFERENCES messages (id) ON DELETE CASCADE,
    CONSTRAINT message_reactions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT message_reactions_emoji_check CHECK (char_length(emoji) BETWEEN 1 AND 32)
);

-- How far somebody has read a thread: one watermark a person and thread.
CREATE TABLE thread_reads (
    thread_id            uuid        NOT NULL,
    user_id              uuid        NOT NULL,
    last_read_message_id uuid        NOT NULL,
    last_read_at         timestamptz NOT NULL,
    CONSTRAINT thread_reads_pkey PRIMARY KEY (thread_id, user_id),
    -- It says nothing without the thread, or without the person.
    CONSTRAINT thread_reads_thread_id_fkey FOREIGN KEY (thread_id)
        REFERENCES messages (id) ON DELETE CASCADE,
    CONSTRAINT thread_reads_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE
);

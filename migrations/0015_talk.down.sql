DROP TABLE thread_reads;
DROP TABLE message_reactions;
ALTER TABLE messages
    DROP COLUMN last_reply_at,
    DROP COLUMN reply_count,
    DROP COLUMN mentions_channel;

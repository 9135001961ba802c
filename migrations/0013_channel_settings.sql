-- What a member wants to hear of a channel: a setting of their own.

ALTER TABLE channel_members
    ADD COLUMN notification_level text NOT NULL DEFAULT 'all',
    ADD COLUMN muted_until        timestamptz,
    ADD CONSTRAINT channel_members_notification_level_check
        CHECK (notification_level IN ('all', 'mentions', 'none')) NOT VALID;

ALTER TABLE channel_members
    DROP CONSTRAINT channel_members_notification_level_check,
    DROP COLUMN muted_until,
    DROP COLUMN notification_level;

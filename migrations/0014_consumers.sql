-- Who follows the log at a pace of its own, and what people want to be told.

-- How far each consumer has come. It moves in the transaction of the effect,
-- and its lock is what keeps two nodes from doing the same work.
CREATE TABLE consumers (
    name       text        NOT NULL,
    position   bigint      NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT consumers_pkey PRIMARY KEY (name),
    CONSTRAINT consumers_position_check CHECK (position >= 0)
) WITH (fillfactor = 10);

-- A notification that came in quiet hours is there, and makes no noise.
ALTER TABLE notifications ADD COLUMN silent boolean NOT NULL DEFAULT false;

-- What a person does not want to be told, and when not. Without a row:
-- everything, always. Minutes of the day, in the person's own time zone.
CREATE TABLE notification_preferences (
    user_id    uuid        NOT NULL,
    muted      text[]      NOT NULL DEFAULT '{}',
    quiet_from smallint,
    quiet_to   smallint,
    updated_at timestamptz NOT NULL,
    version    integer     NOT NULL DEFAULT 1,
    CONSTRAINT notification_preferences_pkey PRIMARY KEY (user_id),
    -- They are one person's own and of no use to another.
    CONSTRAINT notification_preferences_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT notification_preferences_quiet_check
        CHECK ((quiet_from IS NULL) = (quiet_to IS NULL)
               AND quiet_from BETWEEN 0 AND 1439 AND quiet_to BETWEEN 0 AND 1439)
);

-- How far each session has acknowledged the log, for clients that do not keep
-- it themselves (`resume: "acked"`). Written in batches, off the requests; a
-- row that is lost or late means only that more is replayed.
--
-- No foreign key: a batch must not fail because one of its sessions has gone.
-- Rows of sessions that are over are forgotten by their age.
CREATE TABLE socket_positions (
    session_id uuid        NOT NULL,
    epoch      text        NOT NULL,
    position   bigint      NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT socket_positions_pkey PRIMARY KEY (session_id),
    CONSTRAINT socket_positions_position_check CHECK (position >= 0)
) WITH (fillfactor = 70);
CREATE INDEX socket_positions_updated_at_idx ON socket_positions (updated_at);

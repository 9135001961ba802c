-- Results of searches, for a while: they cost many statements and are asked for
-- again. Nothing that cannot be found again, so nothing of it is logged: after a
-- crash it is empty. One row a reader and question; which position of the log it
-- rests on decides whether it is still good.
CREATE UNLOGGED TABLE cache_results (
    entity text NOT NULL,
    reader_id uuid NOT NULL,
    question_id uuid NOT NULL,
    epoch text NOT NULL,
    position bigint NOT NULL,
    value bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT cache_results_pkey PRIMARY KEY (entity, reader_id, question_id)
);
-- What is too old, or too much, goes first.
CREATE INDEX cache_results_expires_at_idx ON cache_results (expires_at);

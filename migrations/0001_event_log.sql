-- The log: what a write leaves behind (outbox), what the sequencer makes of it
-- (event_log, event_streams, audit_log), and what both lean on.

-- One row a fact, inserted as the last statement of the write it belongs to.
-- CACHE 1 (the default of an identity) matters: a session that cached ids
-- could hand out a lower one after a higher one was committed.
CREATE TABLE outbox (
    id             bigint GENERATED ALWAYS AS IDENTITY,
    fact_id        uuid        NOT NULL,
    type           text        NOT NULL,
    version        integer     NOT NULL,
    at             timestamptz NOT NULL,
    actor_id       uuid,
    via            text        NOT NULL,
    correlation_id uuid        NOT NULL,
    streams        text[]      NOT NULL,
    data           json        NOT NULL,
    change         json,
    effects        json,
    audit          json,
    caused_by      uuid,
    depth          smallint    NOT NULL DEFAULT 0,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_depth_check CHECK (depth BETWEEN 0 AND 3)
) WITH (
    -- Every row lives for milliseconds: vacuum by count, not by share.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0
);

-- Rows that could not be sequenced for a lasting reason, kept for a person.
CREATE TABLE outbox_dead (
    id             bigint      NOT NULL,
    position       bigint      NOT NULL,
    quarantined_at timestamptz NOT NULL,
    reason         text        NOT NULL,
    fact           text        NOT NULL,
    CONSTRAINT outbox_dead_pkey PRIMARY KEY (id)
);

-- The head of the log: one row. Every position and every link of the audit
-- chain comes from an UPDATE of it.
CREATE TABLE log_head (
    id                boolean PRIMARY KEY DEFAULT true,
    position          bigint NOT NULL,
    epoch             text   NOT NULL,
    system_identifier text   NOT NULL,
    timeline          bigint NOT NULL,
    audit_seq         bigint NOT NULL,
    audit_hash        bytea  NOT NULL,
    CONSTRAINT log_head_id_check CHECK (id),
    CONSTRAINT log_head_position_check CHECK (position >= 0)
) WITH (fillfactor = 10);

-- The last seq of each stream. Never trimmed: a stream's seq must go on after
-- its events have been dropped.
CREATE TABLE stream_heads (
    stream text   NOT NULL,
    seq    bigint NOT NULL,
    CONSTRAINT stream_heads_pkey PRIMARY KEY (stream)
) WITH (fillfactor = 70);

-- The log itself, by ranges of position so that old ranges are dropped whole.
CREATE TABLE event_log (
    position       bigint      NOT NULL,
    fact_id        uuid        NOT NULL,
    type           text        NOT NULL,
    version        integer     NOT NULL,
    at             timestamptz NOT NULL,
    actor_id       uuid,
    via            text        NOT NULL,
    correlation_id uuid        NOT NULL,
    streams        text[]      NOT NULL,
    seqs           bigint[]    NOT NULL,
    data           json        NOT NULL,
    change         json,
    effects        json,
    caused_by      uuid,
    depth          smallint    NOT NULL,
    CONSTRAINT event_log_pkey PRIMARY KEY (position)
) PARTITION BY RANGE (position);

-- Which event is which seq of which stream.
CREATE TABLE event_streams (
    stream   text   NOT NULL,
    position bigint NOT NULL,
    seq      bigint NOT NULL,
    CONSTRAINT event_streams_pkey PRIMARY KEY (stream, position)
) PARTITION BY RANGE (position);

-- Who follows which stream since which position, kept by the sequencer in log
-- order: exactly the state after `log_head.position`. The company's stream and
-- a person's own are followed without a row.
CREATE TABLE follows (
    user_id        uuid   NOT NULL,
    stream         text   NOT NULL,
    since_position bigint NOT NULL,
    CONSTRAINT follows_pkey PRIMARY KEY (user_id, stream)
);
CREATE INDEX follows_stream_idx ON follows (stream);

-- What happened, for those who must answer for it. Appended in log order, each
-- entry chained to the one before by a keyed hash over the stored bytes.
CREATE TABLE audit_log (
    seq          bigint      NOT NULL,
    position     bigint      NOT NULL,
    at           timestamptz NOT NULL,
    action       text        NOT NULL,
    actor_id     uuid,
    subject_type text,
    subject_id   uuid,
    entry        text        NOT NULL,
    hash         bytea       NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (seq)
);

-- An entry, once written, stays as it is: whoever gets past the privileges
-- still meets this.
CREATE FUNCTION audit_log_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse_change();

-- The first answer to a keyed write, kept with the write.
CREATE TABLE idempotency (
    scope       text        NOT NULL,
    route       text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    status      smallint    NOT NULL,
    headers     json        NOT NULL,
    body        bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT idempotency_pkey PRIMARY KEY (scope, route, key)
);
CREATE INDEX idempotency_created_at_idx ON idempotency (created_at);

-- Adds the partitions that hold `upto` and the two ranges after it. Runs with
-- the owner's rights, because the serving role owns no table.
CREATE FUNCTION log_ensure_partitions(upto bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    span  constant bigint := 250000;
    first bigint := (upto / span) * span;
    low   bigint;
BEGIN
    FOR step IN 0..2 LOOP
        low := first + step * span;
        IF to_regclass(format('event_log_%s', low)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE event_log_%s PARTITION OF event_log FOR VALUES FROM (%s) TO (%s)',
                low, low, low + span);
            EXECUTE format(
                'CREATE TABLE event_streams_%s PARTITION OF event_streams FOR VALUES FROM (%s) TO (%s)',
                low, low, low + span);
        END IF;
    END LOOP;
END
$$;
SELECT log_ensure_partitions(0);

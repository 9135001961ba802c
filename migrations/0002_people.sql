-- People, their sessions, and the keys and codes of the door.

CREATE TABLE users (
    id                  uuid        NOT NULL,
    email               text,
    email_folded        text,
    name                text        NOT NULL,
    role                text        NOT NULL,
    manager_id          uuid,
    active              boolean     NOT NULL DEFAULT true,
    status_text         text,
    time_zone           text        NOT NULL DEFAULT 'UTC',
    password_hash       text,
    password_change_due boolean     NOT NULL DEFAULT false,
    last_active_at      timestamptz,
    metadata            jsonb       NOT NULL DEFAULT '{}',
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    deleted_at          timestamptz,
    version             integer     NOT NULL DEFAULT 1,
    revision            integer     NOT NULL DEFAULT 1,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_manager_id_fkey FOREIGN KEY (manager_id) REFERENCES users (id),
    CONSTRAINT users_role_check CHECK (role IN ('ceo', 'manager', 'staff')),
    CONSTRAINT users_manager_id_check CHECK (manager_id <> id),
    CONSTRAINT users_email_folded_check CHECK ((email IS NULL) = (email_folded IS NULL)),
    CONSTRAINT users_name_check CHECK (char_length(name) BETWEEN 1 AND 120),
    CONSTRAINT users_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
-- One e-mail, one living person, whatever the case it is written in. It is
-- folded before it gets here: lower() of the locale C knows only ASCII.
CREATE UNIQUE INDEX users_email_key ON users (email_folded) WHERE deleted_at IS NULL;
-- The list of people, newest first, and by role.
CREATE INDEX users_created_at_idx ON users (created_at DESC, id DESC) WHERE deleted_at IS NULL;
-- The reporting line, downwards.
CREATE INDEX users_manager_id_idx ON users (manager_id) WHERE manager_id IS NOT NULL;

-- What lets an invited person choose a password, once; only the hash is kept.
CREATE TABLE invitations (
    hash       bytea       NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT invitations_pkey PRIMARY KEY (hash),
    CONSTRAINT invitations_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
-- One open invitation a person: whoever is invited again loses the first.
CREATE UNIQUE INDEX invitations_user_id_key ON invitations (user_id) WHERE used_at IS NULL;

-- A session is one login on one device with all its refreshes (the family).
CREATE TABLE sessions (
    id              uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    device_name     text,
    address         text,
    agent           text,
    created_at      timestamptz NOT NULL,
    last_used_at    timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    end_reason      text,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id) WHERE ended_at IS NULL;

-- One row a generation of a session's refresh token; only the hash is kept.
-- `replaced_at` is set by the one conditional UPDATE that rotates; `used_at`
-- marks the first use of the pair that this generation belongs to; `device` is
-- a fingerprint of what asked for that pair.
CREATE TABLE refresh_tokens (
    hash        bytea       NOT NULL,
    session_id  uuid        NOT NULL,
    generation  integer     NOT NULL,
    issued_at   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    replaced_at timestamptz,
    used_at     timestamptz,
    device      bytea       NOT NULL,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (hash),
    CONSTRAINT refresh_tokens_session_id_generation_key UNIQUE (session_id, generation),
    CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id)
        REFERENCES sessions (id) ON DELETE CASCADE
);

-- Names of the keys that sign access tokens. The keys themselves are derived
-- from the deployment's root secret and stand in no table.
CREATE TABLE signing_keys (
    kid        text        NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (kid)
);

-- The one-use code that lets the first person in.
CREATE TABLE setup_codes (
    hash       bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT setup_codes_pkey PRIMARY KEY (hash)
);

-- Who comes in without typing anything: programs, and people from elsewhere.

-- People who are programs: they have a role and no way to log in.
CREATE TABLE service_accounts (
    user_id    uuid        NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL,
    CONSTRAINT service_accounts_pkey PRIMARY KEY (user_id),
    CONSTRAINT service_accounts_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE
);

-- Tokens of programs: shown once, kept as a hash, never for ever.
CREATE TABLE api_tokens (
    id           uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    created_by   uuid        NOT NULL,
    name         text        NOT NULL,
    hash         bytea       NOT NULL,
    scopes       text[]      NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    CONSTRAINT api_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT api_tokens_hash_key UNIQUE (hash),
    CONSTRAINT api_tokens_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT api_tokens_name_check CHECK (char_length(name) BETWEEN 1 AND 120),
    CONSTRAINT api_tokens_expires_at_check CHECK (expires_at > created_at)
);
-- The list of a person's tokens, and the count that is bounded.
CREATE INDEX api_tokens_user_id_idx ON api_tokens (user_id, created_at) WHERE revoked_at IS NULL;

-- Who a person is elsewhere (an OpenID provider's `sub`): sealed, and found by
-- a keyed hash, so that a dump without the root secret names nobody.
CREATE TABLE external_identities (
    id         uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    provider   text        NOT NULL,
    lookup     bytea       NOT NULL,
    subject    bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid,
    CONSTRAINT external_identities_pkey PRIMARY KEY (id),
    CONSTRAINT external_identities_provider_lookup_key UNIQUE (provider, lookup),
    CONSTRAINT external_identities_user_id_provider_key UNIQUE (user_id, provider),
    CONSTRAINT external_identities_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT external_identities_provider_check CHECK (char_length(provider) BETWEEN 1 AND 60)
);

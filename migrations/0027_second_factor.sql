-- What proves a person beside the password, and what gives them a new one.

-- The seed of a person's one-time codes, sealed under a key derived from the
-- root secret; it counts once it is confirmed. `last_step` is the last step of
-- 30 seconds whose code was used: it and those before it are spent.
CREATE TABLE second_factors (
    user_id      uuid        NOT NULL,
    seed         bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz,
    last_step    bigint      NOT NULL DEFAULT 0,
    failures     integer     NOT NULL DEFAULT 0,
    failed_at    timestamptz,
    CONSTRAINT second_factors_pkey PRIMARY KEY (user_id),
    CONSTRAINT second_factors_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE
);

-- Ten codes for whoever lost the device, each good once; only hashes are kept.
CREATE TABLE recovery_codes (
    user_id uuid        NOT NULL,
    hash    bytea       NOT NULL,
    used_at timestamptz,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, hash),
    CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES second_factors (user_id) ON DELETE CASCADE
);

-- A code that lets its holder choose another password, once. Somebody else
-- starts it and does not choose; only the hash is kept, and a person has one.
CREATE TABLE password_resets (
    user_id    uuid        NOT NULL,
    hash       bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT password_resets_pkey PRIMARY KEY (user_id),
    CONSTRAINT password_resets_hash_key UNIQUE (hash),
    CONSTRAINT password_resets_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE
);

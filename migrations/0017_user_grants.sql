-- What one person may do, or may not, whatever the role says: read with every
-- request of theirs, by the key.
CREATE TABLE user_grants (
    user_id    uuid        NOT NULL,
    permission text        NOT NULL,
    effect     text        NOT NULL,
    expires_at timestamptz,
    granted_by uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT user_grants_pkey PRIMARY KEY (user_id, permission),
    CONSTRAINT user_grants_user_id_fkey FOREIGN KEY (user_id)
        REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT user_grants_granted_by_fkey FOREIGN KEY (granted_by) REFERENCES users (id),
    CONSTRAINT user_grants_effect_check CHECK (effect IN ('grant', 'deny'))
);

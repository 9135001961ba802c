-- Categories: a tree for channels and one for tasks.

CREATE TABLE categories (
    id         uuid        NOT NULL,
    name       text        NOT NULL,
    color      text,
    parent_id  uuid,
    kind       text        NOT NULL,
    metadata   jsonb       NOT NULL DEFAULT '{}',
    created_by uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    version    integer     NOT NULL DEFAULT 1,
    revision   integer     NOT NULL DEFAULT 1,
    CONSTRAINT categories_pkey PRIMARY KEY (id),
    -- What the parent's key refers to: a tree is of one kind.
    CONSTRAINT categories_id_kind_key UNIQUE (id, kind),
    -- No cascade: a category with children is not removed, so a branch never
    -- goes by accident.
    CONSTRAINT categories_parent_id_fkey FOREIGN KEY (parent_id, kind)
        REFERENCES categories (id, kind),
    CONSTRAINT categories_created_by_fkey FOREIGN KEY (created_by) REFERENCES users (id),
    -- The shortest circle; longer ones are refused by the service, which moves
    -- under a lock.
    CONSTRAINT categories_parent_id_check CHECK (parent_id <> id),
    CONSTRAINT categories_kind_check CHECK (kind IN ('task', 'channel')),
    CONSTRAINT categories_name_check CHECK (char_length(name) BETWEEN 1 AND 120),
    CONSTRAINT categories_color_check CHECK (color ~ '^#[0-9a-f]{6}$'),
    CONSTRAINT categories_metadata_check CHECK (jsonb_typeof(metadata) = 'object')
);
-- One name under one parent. The roots of a kind are siblings too.
CREATE UNIQUE INDEX categories_name_key ON categories
    (kind, coalesce(parent_id, '00000000-0000-0000-0000-000000000000'), lower(name))
    WHERE deleted_at IS NULL;
-- The list of categories, by name.
CREATE INDEX categories_name_idx ON categories (lower(name), id) WHERE deleted_at IS NULL;
-- The children of a category, and the check of the key above.
CREATE INDEX categories_parent_id_idx ON categories (parent_id) WHERE parent_id IS NOT NULL;

-- What is in a category outlives it: when a deleted category is purged, its
-- channels and tasks are in none.
ALTER TABLE channels ADD CONSTRAINT channels_category_id_fkey
    FOREIGN KEY (category_id) REFERENCES categories (id) ON DELETE SET NULL NOT VALID;
ALTER TABLE tasks ADD CONSTRAINT tasks_category_id_fkey
    FOREIGN KEY (category_id) REFERENCES categories (id) ON DELETE SET NULL NOT VALID;

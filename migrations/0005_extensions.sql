-- What search stands on: parts of words (pg_trgm) and words without their
-- accents (unaccent). Both come with PostgreSQL and are trusted: the owner of
-- the database may add them without being a superuser.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;

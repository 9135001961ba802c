-- What search reads: each text once more without accents and in small letters,
-- and the pairs of those characters that trigrams do not know.

-- A text as it is searched. Both steps depend on files of PostgreSQL (the rules
-- of unaccent) and of ICU, which is why PostgreSQL does not call them immutable
-- itself; for what is searched they are. Small letters come from ICU because
-- the database's own locale C knows ASCII only. Names are qualified, for a
-- restored dump fills the columns before there is a search path.
CREATE FUNCTION search_fold(raw text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(public.unaccent('public.unaccent'::regdictionary, raw) COLLATE "und-x-icu")
$$;

-- Every character that is still not ASCII, alone and with the one after it:
-- trigrams leave them out in the locale C, and in Chinese two are a word.
CREATE FUNCTION search_grams(raw text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(raw) = char_length(raw) THEN '{}'::text[] ELSE (
        SELECT coalesce(array_agg(DISTINCT gram), '{}')
        FROM (SELECT one, one || coalesce(lead(one) OVER (ORDER BY place), '') AS two
              FROM unnest(string_to_array(public.search_fold(raw), NULL))
                   WITH ORDINALITY AS c(one, place)) pairs,
             LATERAL (VALUES (one), (two)) AS grams(gram)
        WHERE octet_length(one) > 1) END
$$;

ALTER TABLE users
    ADD COLUMN search_text text NOT NULL
        GENERATED ALWAYS AS (search_fold(name || ' ' || coalesce(email, ''))) STORED,
    ADD COLUMN search_grams text[] NOT NULL
        GENERATED ALWAYS AS (search_grams(name || ' ' || coalesce(email, ''))) STORED;
ALTER TABLE channels
    ADD COLUMN search_text text NOT NULL
        GENERATED ALWAYS AS (search_fold(coalesce(name, '') || ' ' || description)) STORED,
    ADD COLUMN search_grams text[] NOT NULL
        GENERATED ALWAYS AS (search_grams(coalesce(name, '') || ' ' || description)) STORED;
ALTER TABLE messages
    ADD COLUMN search_text text NOT NULL
        GENERATED ALWAYS AS (search_fold(content)) STORED,
    ADD COLUMN search_grams text[] NOT NULL
        GENERATED ALWAYS AS (search_grams(content)) STORED;
ALTER TABLE tasks
    ADD COLUMN search_text text NOT NULL
        GENERATED ALWAYS AS (search_fold(title || ' ' || description)) STORED,
    ADD COLUMN search_grams text[] NOT NULL
        GENERATED ALWAYS AS (search_grams(title || ' ' || description)) STORED;

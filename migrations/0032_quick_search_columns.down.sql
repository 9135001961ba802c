-- The functions as they were, in SQL.

CREATE OR REPLACE FUNCTION search_fold(raw text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(public.unaccent('public.unaccent'::regdictionary, raw) COLLATE "und-x-icu")
$$;

CREATE OR REPLACE FUNCTION search_grams(raw text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(raw) = char_length(raw) THEN '{}'::text[] ELSE (
        SELECT coalesce(array_agg(DISTINCT gram), '{}')
        FROM (SELECT one, one || coalesce(lead(one) OVER (ORDER BY place), '') AS two
              FROM unnest(string_to_array(public.search_fold(raw), NULL))
                   WITH ORDINALITY AS c(one, place)) pairs,
             LATERAL (VALUES (one), (two)) AS grams(gram)
        WHERE octet_length(one) > 1) END
$$;

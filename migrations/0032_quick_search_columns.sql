-- The same functions in PL/pgSQL. A function in SQL that stands in a generated
-- column is read and planned anew by every statement that writes a row, which
-- took longer than the rest of the write; these are planned once a connection.

CREATE OR REPLACE FUNCTION search_fold(raw text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN lower(public.unaccent('public.unaccent'::regdictionary, raw) COLLATE "und-x-icu");
END $$;

-- What is ASCII, and what is once it is folded, has no such pairs.
CREATE OR REPLACE FUNCTION search_grams(raw text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    folded text;
BEGIN
    IF octet_length(raw) = char_length(raw) THEN RETURN '{}'; END IF;
    folded := public.search_fold(raw);
    IF octet_length(folded) = char_length(folded) THEN RETURN '{}'; END IF;
    RETURN (
        SELECT coalesce(array_agg(DISTINCT gram), '{}')
        FROM (SELECT one, one || coalesce(lead(one) OVER (ORDER BY place), '') AS two
              FROM unnest(string_to_array(folded, NULL))
                   WITH ORDINALITY AS c(one, place)) pairs,
             LATERAL (VALUES (one), (two)) AS grams(gram)
        WHERE octet_length(one) > 1);
END $$;

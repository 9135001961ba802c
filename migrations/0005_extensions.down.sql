-- What a superuser had added before is not ours to remove.
DO $$
DECLARE
    ours text;
BEGIN
    FOR ours IN SELECT extname FROM pg_extension
                WHERE extname IN ('pg_trgm', 'unaccent') AND pg_has_role(extowner, 'USAGE') LOOP
        EXECUTE format('DROP EXTENSION %I', ours);
    END LOOP;
END
$$;

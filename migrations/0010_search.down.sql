ALTER TABLE tasks DROP COLUMN search_grams, DROP COLUMN search_text;
ALTER TABLE messages DROP COLUMN search_grams, DROP COLUMN search_text;
ALTER TABLE channels DROP COLUMN search_grams, DROP COLUMN search_text;
ALTER TABLE users DROP COLUMN search_grams, DROP COLUMN search_text;
DROP FUNCTION search_grams(text);
DROP FUNCTION search_fold(text);

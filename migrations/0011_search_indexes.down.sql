-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS tasks_search_grams_idx;
DROP INDEX CONCURRENTLY IF EXISTS tasks_search_text_idx;
DROP INDEX CONCURRENTLY IF EXISTS messages_search_grams_idx;
DROP INDEX CONCURRENTLY IF EXISTS messages_search_text_idx;
DROP INDEX CONCURRENTLY IF EXISTS channels_search_grams_idx;
DROP INDEX CONCURRENTLY IF EXISTS channels_search_text_idx;
DROP INDEX CONCURRENTLY IF EXISTS users_search_grams_idx;
DROP INDEX CONCURRENTLY IF EXISTS users_search_text_idx;

DROP TABLE cache_results;

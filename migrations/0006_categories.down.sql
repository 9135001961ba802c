ALTER TABLE tasks DROP CONSTRAINT tasks_category_id_fkey;
ALTER TABLE channels DROP CONSTRAINT channels_category_id_fkey;
DROP TABLE categories;

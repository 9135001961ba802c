DROP TABLE task_history;
DROP TABLE task_comments;
DROP TABLE task_dependencies;

DROP TABLE notification_preferences;
ALTER TABLE notifications DROP COLUMN silent;
DROP TABLE consumers;

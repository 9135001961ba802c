-- Keys of access tokens overlap: one is published before it signs, and the one
-- it takes over from is believed until the last token it signed has expired.

-- From when a key signs; before that it is only published. None: from when it
-- was made. `retired_at` is until when it is believed.
ALTER TABLE signing_keys ADD COLUMN signs_from timestamptz;

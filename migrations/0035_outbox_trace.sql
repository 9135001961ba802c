-- Where in a trace a fact was written (W3C `traceparent`), so that whoever
-- numbers it, perhaps in another process, goes on with that trace. Null for
-- what nobody traces. Only here: a fact that has its place has been traced, and
-- the log keeps nothing of it.
ALTER TABLE outbox ADD COLUMN trace text;

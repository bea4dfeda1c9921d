-- Kinds of audience besides the live one, and what tells how fresh memberships are.

-- `sql`: a query over the lake, run by the clock; `list`: identifiers that were uploaded.
-- `answered`: of a query, that there is an answer to it as it is written now.
ALTER TABLE audience ADD COLUMN kind text NOT NULL DEFAULT 'live'
  CHECK (kind IN ('live', 'sql', 'list'));
ALTER TABLE audience ADD COLUMN answered boolean NOT NULL DEFAULT true;

-- Whom an audience by SQL has according to its last run; the worker makes members of them.
CREATE TABLE audience_row (
  audience_id  integer NOT NULL,
  entity_id    bigint NOT NULL,
  PRIMARY KEY (audience_id, entity_id)
);
CREATE INDEX audience_row_entity ON audience_row (entity_id);

-- The newest run of an audience by SQL: `seq` is the log row up to which it looked.
CREATE TABLE audience_run (
  audience_id  integer PRIMARY KEY,
  next_ms      bigint NOT NULL,
  started_ms   bigint,
  ended_ms     bigint,
  good_ms      bigint,                   -- when the newest run that succeeded began
  seq          bigint,
  rows         bigint,
  unknown      bigint,                   -- ids that it answered and nobody has
  error        text NOT NULL DEFAULT ''
);
CREATE INDEX audience_run_next ON audience_run (next_ms);

-- What was uploaded to an audience that is a list: identifiers as they are stored, matched or not.
CREATE TABLE audience_entry (
  audience_id  integer NOT NULL,
  namespace    text NOT NULL,
  value        text NOT NULL,
  added_ms     bigint NOT NULL,
  added_by     text NOT NULL
);
CREATE UNIQUE INDEX audience_entry_once ON audience_entry (audience_id, namespace, md5(value));
CREATE INDEX audience_entry_value ON audience_entry (namespace, md5(value));

-- When a row was put on the queue: how far behind conclusions are.
ALTER TABLE dirty ADD COLUMN at_ms bigint NOT NULL
  DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- Pulls: tables of databases, and folders of files, that are read by SQL again and again.

-- `secret` is the password: only the runner reads it (sources/pulls/store.py). `position`: the
-- cursor's value in the last row that is in the log, written with it; null before the first.
CREATE TABLE pull (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name           text NOT NULL,
  source_id      integer REFERENCES source (id), -- of its facts; null for CRM rows
  category       text NOT NULL DEFAULT 'product', -- of a source that is made for it
  place          jsonb NOT NULL,                 -- where: kind, host, database, user, path …
  secret         text NOT NULL DEFAULT '',
  relation       text NOT NULL DEFAULT '',       -- a table's name, or
  query          text NOT NULL DEFAULT '',       -- a SELECT; both empty until chosen
  target         text NOT NULL DEFAULT 'people' CHECK (target IN (
                   'people', 'accounts', 'events', 'contacts', 'companies', 'tickets', 'tasks')),
  mapping        jsonb NOT NULL DEFAULT '{}',
  columns        jsonb NOT NULL DEFAULT '[]',    -- as they were when the mapping was made
  keys           jsonb NOT NULL DEFAULT '[]',    -- columns that name a row
  cursor_column  text NOT NULL DEFAULT '',       -- a column that rises; '': read whole each time
  overlap        bigint,                         -- read again before the position; null: as usual
  time_zone      text NOT NULL DEFAULT 'UTC',    -- of times that have none
  schedule       text NOT NULL DEFAULT '',
  enabled        boolean NOT NULL DEFAULT true,
  next_at        timestamptz,
  position       jsonb NOT NULL DEFAULT 'null',
  known          bigint NOT NULL DEFAULT 0,      -- rows of pull_row
  created_by     text NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  deleted_at     timestamptz,                    -- its rows go in the background
  version        integer NOT NULL DEFAULT 1
);

-- A run. What came in with it is noted as an import (`import_id`), so that it can be reverted.
CREATE TABLE pull_run (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  pull_id     bigint NOT NULL REFERENCES pull (id),
  status      text NOT NULL DEFAULT 'waiting' CHECK (status IN (
                'waiting', 'running', 'done', 'failed', 'cancelled')),
  passes      integer NOT NULL DEFAULT 0,        -- how often it was begun
  import_id   bigint REFERENCES import (id),
  read        bigint NOT NULL DEFAULT 0,
  created     bigint NOT NULL DEFAULT 0,
  matched     bigint NOT NULL DEFAULT 0,
  unchanged   bigint NOT NULL DEFAULT 0,         -- rows that are in already
  refused     bigint NOT NULL DEFAULT 0,
  faults      jsonb NOT NULL DEFAULT '[]',       -- the first ones
  notes       jsonb NOT NULL DEFAULT '[]',       -- what is odd about the table
  error       text NOT NULL DEFAULT '',
  began       jsonb NOT NULL DEFAULT 'null',     -- the position before it
  position    jsonb NOT NULL DEFAULT 'null',
  asked_by    text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  started_at  timestamptz,
  done_at     timestamptz
);
CREATE INDEX pull_run_pull ON pull_run (pull_id, id DESC);
CREATE INDEX pull_run_import ON pull_run (import_id);
CREATE UNIQUE INDEX pull_run_open ON pull_run (pull_id) WHERE status IN ('waiting', 'running');

-- Rows that are in the log, written with them: a row that is read again is known as such however
-- long ago it came. A row with a key: `content` is a hash, `version` counts its changes. One
-- without: its key is the hash, `version` how many equal ones are in, `seen` how many `pass` met.
CREATE TABLE pull_row (
  pull_id    bigint NOT NULL REFERENCES pull (id),
  key        bytea NOT NULL,
  content    bytea NOT NULL,
  version    integer NOT NULL,
  seen       integer NOT NULL DEFAULT 0,
  pass       bigint NOT NULL DEFAULT 0,
  run_id     bigint NOT NULL,
  record_id  bigint,                             -- the CRM row it became
  PRIMARY KEY (pull_id, key)
);

-- Imports that changed the same record are taken back one after the other.
CREATE INDEX import_change_record ON import_change (noun, record_id);

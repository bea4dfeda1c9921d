-- Background jobs and imports. The tables of the job queue itself are procrastinate's own
-- schema, which versions/0004 applies first.

-- A finished job's row goes after some days; an index keeps that, and what waits, cheap.
CREATE INDEX job_scheduled ON procrastinate_jobs (scheduled_at) WHERE status = 'todo';

-- A file on its way in. `mapping`: {"columns": {header: {"to", "as"}}, "constants": {field: value}}
CREATE TABLE import (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name         text NOT NULL,                    -- the file's name, as given
  target       text NOT NULL CHECK (target IN (
                 'people', 'accounts', 'events', 'contacts', 'companies', 'tickets', 'tasks')),
  source_id    integer REFERENCES source (id),   -- of its facts; null for CRM rows
  status       text NOT NULL DEFAULT 'draft' CHECK (status IN (
                 'draft', 'waiting', 'running', 'done', 'failed', 'cancelled',
                 'reverting', 'reverted')),
  path         text NOT NULL,                    -- where the file lies
  format       jsonb NOT NULL,                   -- how it is read (sources/imports/model.py)
  mapping      jsonb NOT NULL DEFAULT '{}',
  rows_total   bigint,                           -- known for some formats, else estimated
  rows_done    bigint NOT NULL DEFAULT 0,
  created      bigint NOT NULL DEFAULT 0,
  matched      bigint NOT NULL DEFAULT 0,
  unchanged    bigint NOT NULL DEFAULT 0,
  refused      bigint NOT NULL DEFAULT 0,
  faults       jsonb NOT NULL DEFAULT '[]',      -- the first ones: line, column, value, remedy
  error        text NOT NULL DEFAULT '',         -- why it failed
  reverted     jsonb NOT NULL DEFAULT '{}',      -- what a revert took back and kept
  created_by   text NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  started_at   timestamptz,
  done_at      timestamptz,
  version      integer NOT NULL DEFAULT 1
);

-- What an import appended: one row a chunk, written with the log row it names. `undone`: 1 when the
-- worker has taken its facts out of the states again, 2 when accounts they alone named are gone.
CREATE TABLE import_chunk (
  import_id  bigint NOT NULL REFERENCES import (id),
  first_row  bigint NOT NULL,
  rows       integer NOT NULL,
  seq        bigint NOT NULL,                    -- the log row with its facts
  undone     smallint NOT NULL DEFAULT 0,
  PRIMARY KEY (import_id, first_row)
);
CREATE INDEX import_chunk_seq ON import_chunk (seq);

-- CRM rows that an import made or changed: what a revert needs to know. `before` is null for a row
-- that was made; `version` is the row's after the change.
CREATE TABLE import_change (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  import_id  bigint NOT NULL REFERENCES import (id),
  row        bigint NOT NULL,
  noun       text NOT NULL CHECK (noun IN ('account', 'contact', 'ticket', 'task')),
  record_id  bigint NOT NULL,
  before     jsonb,
  version    integer NOT NULL,
  outcome    text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'deleted', 'restored', 'kept')),
  reason     text NOT NULL DEFAULT ''
);
CREATE INDEX import_change_import ON import_change (import_id, id DESC);

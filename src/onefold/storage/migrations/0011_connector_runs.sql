-- Connectors: whatever a program is asked (install, check, sample, read) is a background run.

-- `command` is the executable and its arguments, or, with a package, the arguments alone.
ALTER TABLE connector
  ADD COLUMN executable text NOT NULL DEFAULT '',      -- of the package; '' for the one it has
  ADD COLUMN python text NOT NULL DEFAULT '',          -- the interpreter it asks for
  ADD COLUMN program text NOT NULL DEFAULT '',         -- the package's executable, once installed
  ADD COLUMN pending jsonb NOT NULL DEFAULT 'null',    -- a config that waits to be checked
  ADD COLUMN deleted_at timestamptz,                   -- what is left of it goes in the background
  ADD COLUMN rows_named bigint NOT NULL DEFAULT 0,     -- the last number in connector_row.n
  ADD COLUMN rows_forgotten bigint NOT NULL DEFAULT 0, -- numbers up to here are forgotten
  ADD COLUMN rows_kept bigint NOT NULL DEFAULT 0;      -- rows without a number
UPDATE connector SET program = command->>0, command = command - 0 WHERE package <> '';
UPDATE connector SET streams = '{}';                   -- a choice has another form from here on

ALTER TABLE connector_run
  ADD COLUMN kind text NOT NULL DEFAULT 'read'
    CHECK (kind IN ('install', 'check', 'sample', 'read', 'delete')),
  ADD COLUMN args jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN filtered bigint NOT NULL DEFAULT 0,
  ADD COLUMN tries integer NOT NULL DEFAULT 0,         -- starts since it last got anywhere
  ADD COLUMN job_id bigint;                            -- the job that does it
UPDATE connector_run SET streams = '{}';               -- counts by stream, several a stream

-- `n` numbers rows of incremental streams, so that the oldest may be forgotten; null: never.
-- `record` is the CRM row that a row became.
ALTER TABLE connector_row ADD COLUMN n bigint, ADD COLUMN record bigint;
CREATE INDEX connector_row_n ON connector_row USING brin (n);

-- A stream's first rows, to map them by; customers' data, so they go after a day.
CREATE TABLE connector_sample (
  connector_id  bigint NOT NULL REFERENCES connector (id),
  stream        text NOT NULL,
  rows          jsonb NOT NULL,
  taken_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connector_id, stream)
);

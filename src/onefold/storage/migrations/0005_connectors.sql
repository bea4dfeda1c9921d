-- Connectors: programs of others (Singer taps, Airbyte sources) that are run as processes.

-- `config` holds secrets: only the runner reads them; store.py masks them for everybody else.
CREATE TABLE connector (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name         text NOT NULL,
  source_id    integer NOT NULL REFERENCES source (id),
  protocol     text NOT NULL CHECK (protocol IN ('singer', 'airbyte')),
  command      jsonb NOT NULL,                   -- the program and its own arguments
  package      text NOT NULL DEFAULT '',         -- pinned, of the package index; '' for a path
  spec         jsonb NOT NULL DEFAULT '{}',      -- JSON Schema of the config
  config       jsonb NOT NULL DEFAULT '{}',
  catalog      jsonb NOT NULL DEFAULT '[]',      -- streams as discovered
  streams      jsonb NOT NULL DEFAULT '{}',      -- name -> how it is read and what rows become
  state        jsonb NOT NULL DEFAULT 'null',    -- the connector's own, never ahead of the log
  schedule     text NOT NULL DEFAULT '',
  enabled      boolean NOT NULL DEFAULT true,
  next_at      timestamptz,
  created_by   text NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  version      integer NOT NULL DEFAULT 1
);

CREATE TABLE connector_run (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  connector_id  bigint NOT NULL REFERENCES connector (id),
  status        text NOT NULL DEFAULT 'waiting' CHECK (status IN (
                  'waiting', 'running', 'done', 'failed', 'cancelled')),
  read          bigint NOT NULL DEFAULT 0,
  appended      bigint NOT NULL DEFAULT 0,
  duplicates    bigint NOT NULL DEFAULT 0,
  refused       bigint NOT NULL DEFAULT 0,
  streams       jsonb NOT NULL DEFAULT '{}',     -- rows read by stream
  faults        jsonb NOT NULL DEFAULT '[]',     -- the first ones
  lines         jsonb NOT NULL DEFAULT '[]',     -- the connector's last words
  error         text NOT NULL DEFAULT '',
  exit_code     integer,
  process       jsonb NOT NULL DEFAULT 'null',   -- [process id, its start], to end one left over
  created_at    timestamptz NOT NULL DEFAULT now(),
  started_at    timestamptz,
  done_at       timestamptz
);
CREATE INDEX connector_run_connector ON connector_run (connector_id, id DESC);
CREATE UNIQUE INDEX connector_run_open ON connector_run (connector_id)
  WHERE status IN ('waiting', 'running');

-- Rows that are in the log: written with them, so that a row that comes again is known as such
-- however long ago it came. `content` is a hash; `version` counts its changes.
CREATE TABLE connector_row (
  connector_id  bigint NOT NULL REFERENCES connector (id),
  key           bytea NOT NULL,                  -- hash of the stream and the row's key
  content       bytea NOT NULL,
  version       integer NOT NULL,
  PRIMARY KEY (connector_id, key)
);

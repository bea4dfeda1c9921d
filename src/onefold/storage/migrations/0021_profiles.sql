-- What browsers may read of their own person, and the secrets that sign their tokens.
CREATE TABLE personal (
  one         boolean PRIMARY KEY DEFAULT true CHECK (one),
  traits      text[] NOT NULL DEFAULT '{}',
  audiences   text[] NOT NULL DEFAULT '{}',
  origins     text[] NOT NULL DEFAULT '{}',      -- of pages that may ask; none: any
  version     integer NOT NULL DEFAULT 1,
  updated_by  text NOT NULL DEFAULT '',
  updated_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO personal DEFAULT VALUES;

CREATE TABLE personal_secret (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  secret      text NOT NULL,
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now()
);

-- Whose word counts for traits: versions, the newest one taken up is in force. `done` says how far
-- stored states are decided by it again.
CREATE TABLE trait_version (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rules       jsonb NOT NULL,
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  taken_ms    bigint,                            -- null: waits for the worker
  upto        bigint NOT NULL DEFAULT 0,         -- the last fragment there was
  done        bigint NOT NULL DEFAULT 0,
  changed     bigint NOT NULL DEFAULT 0,
  ended_ms    bigint
);

-- What traits should be, as people say it, and what they are, as a job counts it.
CREATE TABLE trait_definition (
  of          text NOT NULL CHECK (of IN ('person', 'account')),
  name        text NOT NULL,
  type        text NOT NULL DEFAULT 'any',
  description text NOT NULL DEFAULT '',
  version     integer NOT NULL DEFAULT 1,
  updated_by  text NOT NULL,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (of, name)
);

CREATE TABLE trait_seen (
  of          text NOT NULL CHECK (of IN ('person', 'account')),
  name        text NOT NULL,
  held        bigint NOT NULL,                   -- by how many people or accounts
  types       jsonb NOT NULL,                    -- type → how many
  sources     jsonb NOT NULL,                    -- source → how many
  examples    jsonb NOT NULL,
  last_ms     bigint NOT NULL,
  PRIMARY KEY (of, name)
);

CREATE TABLE trait_count (
  of          text PRIMARY KEY CHECK (of IN ('person', 'account')),
  total       bigint NOT NULL,                   -- people or accounts that were looked at
  at_ms       bigint NOT NULL
);

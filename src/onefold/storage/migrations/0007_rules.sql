-- Rules of admission: transformations and tracking plans, versioned by the log row from which they
-- apply, so that an item of any row gives the same facts whenever it is admitted again.
-- Definitions are kept as text: jsonb would reorder what people wrote.

-- A transformation's versions. Never changed or deleted: old rows are still admitted by them.
CREATE TABLE transformation (
  source_id   integer NOT NULL REFERENCES source (id),
  version     integer NOT NULL CHECK (version > 0),
  body        text NOT NULL,
  note        text NOT NULL DEFAULT '',
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source_id, version)
);

-- A tracking plan: `draft` is what is being edited, `published` the version in force (0: none yet).
CREATE TABLE plan (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key         text NOT NULL UNIQUE,
  name        text NOT NULL,
  draft       text NOT NULL,
  edit        integer NOT NULL DEFAULT 1,         -- moves with every change of the draft
  published   integer NOT NULL DEFAULT 0,
  deleted     boolean NOT NULL DEFAULT false,
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE plan_version (
  plan_id       integer NOT NULL REFERENCES plan (id),
  version       integer NOT NULL CHECK (version > 0),
  body          text NOT NULL,
  published_by  text NOT NULL,
  published_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (plan_id, version)
);

-- What applies to a source. The newest row holds; the worker fills `from_seq` between two batches.
CREATE TABLE source_rules (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source_id       integer NOT NULL REFERENCES source (id),
  from_seq        bigint,                          -- first log row it applies to; null: not yet
  transformation  integer,                         -- its version; null: none
  plan_id         integer REFERENCES plan (id),
  plan_version    integer,                         -- null with a plan: not published yet
  created_by      text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (source_id, transformation) REFERENCES transformation (source_id, version),
  FOREIGN KEY (plan_id, plan_version) REFERENCES plan_version (plan_id, version),
  CHECK (plan_version IS NULL OR plan_id IS NOT NULL)
);
CREATE INDEX source_rules_source ON source_rules (source_id, id);
CREATE INDEX source_rules_plan ON source_rules (plan_id);
CREATE INDEX source_rules_waiting ON source_rules (id) WHERE from_seq IS NULL;

-- How often items broke a plan, with the positions of the newest of them as samples.
CREATE TABLE violation (
  source_id  integer NOT NULL,
  day        integer NOT NULL,                     -- days since 1970, of receipt
  event      text NOT NULL,
  path       text NOT NULL,                        -- `properties.products.*.price`; '' the event
  kind       text NOT NULL,                        -- unplanned, required, type, enum, …
  plan_id    integer NOT NULL,
  action     text NOT NULL CHECK (action IN ('flag', 'quarantine', 'drop')),
  n          bigint NOT NULL,
  problem    text NOT NULL,
  samples    bigint[] NOT NULL,
  last_ms    bigint NOT NULL,
  PRIMARY KEY (source_id, day, event, path, kind)
);
CREATE INDEX violation_day ON violation (day);

-- Secrets of this installation. `hash` keys what transformations hash: it must never change, or
-- rows admitted again would give other facts.
CREATE TABLE install_secret (
  name   text PRIMARY KEY,
  value  bytea NOT NULL
);
INSERT INTO install_secret (name, value) VALUES (
  'hash',
  decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
);

-- The foundation: log, identity, fragments, conclusions, CRM, activation, doors.
-- Times in hot tables are milliseconds since 1970 UTC (bigint, *_ms); in CRM tables timestamptz.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- ── ground: the log ────────────────────────────────────────────────────────────────────────────
-- One row is one request (or one CRM change): `body` is zstd(JSON {"batch": [...], ...}).
-- A fact's position is seq << 16 | its index in the batch.
CREATE SEQUENCE log_seq;
CREATE TABLE log (
  seq          bigint PRIMARY KEY,
  source_id    integer NOT NULL,
  category     text NOT NULL,
  received_ms  bigint NOT NULL,
  items        integer NOT NULL CHECK (items BETWEEN 1 AND 65536),
  body         bytea NOT NULL
);
ALTER TABLE log ALTER body SET STORAGE EXTERNAL;

CREATE TABLE checkpoint (
  name        text PRIMARY KEY,
  seq         bigint NOT NULL,          -- the last log row that is wholly processed
  updated_ms  bigint NOT NULL
);

-- Durable dedupe: one row a micro-batch; `ids` are 16-byte hashes of (source, messageId), packed;
-- `skipped` are the positions in it that were duplicates or refused (8-byte big-endian, packed).
CREATE TABLE dedupe (
  seq          bigint PRIMARY KEY,
  received_ms  bigint NOT NULL,
  ids          bytea NOT NULL,
  skipped      bytea NOT NULL
);
CREATE INDEX dedupe_received ON dedupe (received_ms);
ALTER TABLE dedupe ALTER ids SET STORAGE EXTERNAL;

CREATE TABLE refused (
  pos          bigint PRIMARY KEY,
  source_id    integer NOT NULL,
  received_ms  bigint NOT NULL,
  code         text NOT NULL,
  field        text NOT NULL,
  problem      text NOT NULL,
  remedy       text NOT NULL,
  raw          bytea NOT NULL
);
CREATE INDEX refused_source ON refused (source_id, pos);

-- Per source and hour: what became of every item.
CREATE TABLE ledger (
  source_id  integer NOT NULL,
  hour_ms    bigint NOT NULL,
  received   bigint NOT NULL DEFAULT 0,
  processed  bigint NOT NULL DEFAULT 0,
  duplicate  bigint NOT NULL DEFAULT 0,
  refused    bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (source_id, hour_ms)
);

-- ── people: identity ───────────────────────────────────────────────────────────────────────────
CREATE TABLE identifier (
  id         bigint PRIMARY KEY,
  namespace  text NOT NULL,
  value      text NOT NULL,
  -- seen with too many others to say who it is: never links
  generic    boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX identifier_value ON identifier (namespace, md5(value));

-- Two identifiers seen on one fact. `last_day` (days since 1970) is what "newest first" sorts by.
CREATE TABLE link (
  a            bigint NOT NULL,
  b            bigint NOT NULL,
  first_pos    bigint NOT NULL,
  last_day     integer NOT NULL,
  source_id    integer NOT NULL,
  suppressed   text,                     -- why f did not use it; null when it holds
  PRIMARY KEY (a, b),
  CHECK (a < b)
);
CREATE INDEX link_b ON link (b);
CREATE INDEX link_suppressed_a ON link (a) WHERE suppressed IS NOT NULL;
CREATE INDEX link_suppressed_b ON link (b) WHERE suppressed IS NOT NULL;

-- Log-ins on a device by person-kind identifiers, as runs by the same one (identity/chapters.py).
CREATE TABLE login (
  device_id  bigint NOT NULL,
  at_ms      bigint NOT NULL,            -- the run's first log-in, exactly
  who_id     bigint NOT NULL,
  until_ms   bigint,                     -- no log-in of the run after it; null: the newest run
  PRIMARY KEY (device_id, at_ms, who_id)
);

CREATE SEQUENCE person_id_seq;
CREATE TABLE person (
  id             bigint PRIMARY KEY,
  known          boolean NOT NULL DEFAULT false,
  name           text NOT NULL DEFAULT '',
  name_sort      text NOT NULL DEFAULT '',       -- accents folded, lower case
  email          text NOT NULL DEFAULT '',
  title          text NOT NULL DEFAULT '',
  account_id     bigint,                          -- primary account
  identifiers    text NOT NULL DEFAULT '',        -- values, for search
  first_seen_ms  bigint,
  last_seen_ms   bigint,                          -- to the minute; fragments hold it exactly
  updated_ms     bigint NOT NULL DEFAULT 0
);
CREATE INDEX person_last_seen ON person (last_seen_ms DESC NULLS LAST, id);
CREATE INDEX person_name ON person (name_sort, id);
CREATE INDEX person_account_id ON person (account_id);
CREATE INDEX person_search ON person USING gin ((name_sort || ' ' || identifiers) gin_trgm_ops);

-- Every assignment of a person id, in order; `members` are fragment ids after it.
CREATE TABLE person_journal (
  id          bigserial PRIMARY KEY,
  pos         bigint NOT NULL,
  person_id   bigint NOT NULL,
  action      text NOT NULL
              CHECK (action IN ('create', 'join', 'leave', 'merge', 'split', 'restore')),
  other_id    bigint,
  members     bigint[] NOT NULL,
  at_ms       bigint NOT NULL
);
CREATE INDEX person_journal_person ON person_journal (person_id);

CREATE TABLE person_alias (
  old_id     bigint PRIMARY KEY,
  person_id  bigint NOT NULL
);
CREATE INDEX person_alias_person ON person_alias (person_id);

-- ── people: profiles ───────────────────────────────────────────────────────────────────────────
-- The unit of state: the facts of one identifier, of one chapter of it when it is a device.
-- `chapter_ms` is when the chapter opened (the log-in's time); 0 for the first.
CREATE TABLE fragment (
  id             bigint PRIMARY KEY,
  identifier_id  bigint NOT NULL,
  chapter_ms     bigint NOT NULL DEFAULT 0,
  owner_id       bigint,                          -- the log-in that holds it (identifier.id)
  person_id      bigint NOT NULL DEFAULT 0,       -- 0: an account's fragment
  first_seen_ms  bigint,
  last_seen_ms   bigint,
  events         bigint NOT NULL DEFAULT 0,
  state          bytea NOT NULL DEFAULT ''::bytea,
  UNIQUE (identifier_id, chapter_ms)
) WITH (fillfactor = 70);
CREATE INDEX fragment_person ON fragment (person_id) WHERE person_id <> 0;
ALTER TABLE fragment ALTER state SET STORAGE EXTERNAL;

-- Where a fragment's older facts are: packed (at_ms, pos) pairs, 16 bytes each, big-endian.
CREATE TABLE fact_chunk (
  fragment_id  bigint NOT NULL,
  first_ms     bigint NOT NULL,
  last_ms      bigint NOT NULL,
  first_pos    bigint NOT NULL,
  positions    bytea NOT NULL,
  PRIMARY KEY (fragment_id, first_pos)
);
CREATE INDEX fact_chunk_last ON fact_chunk (fragment_id, last_ms DESC);

CREATE TABLE event_name (
  id    integer PRIMARY KEY,
  name  text NOT NULL UNIQUE
);

-- Additive usage, keyed (fragment, account, day, event). Account 0: the membership decides.
CREATE TABLE usage (
  fragment_id  bigint NOT NULL,
  account_id   bigint NOT NULL,
  day          integer NOT NULL,
  name_id      integer NOT NULL,
  n            bigint NOT NULL,
  PRIMARY KEY (fragment_id, account_id, day, name_id)
) WITH (fillfactor = 80);
CREATE INDEX usage_account ON usage (account_id, day) WHERE account_id <> 0;

CREATE TABLE person_account (
  person_id   bigint NOT NULL,
  account_id  bigint NOT NULL,
  since_ms    bigint NOT NULL,                    -- first fact that says so
  last_ms     bigint NOT NULL,
  is_primary  boolean NOT NULL,
  PRIMARY KEY (person_id, account_id)
);
CREATE INDEX person_account_account ON person_account (account_id);

-- ── people: conclusions ────────────────────────────────────────────────────────────────────────
-- The durable dirty queue: packed marks of one micro-batch or one CRM change (profiles/dirty.py).
CREATE TABLE dirty (
  id    bigserial PRIMARY KEY,
  body  bytea NOT NULL
);

-- When a windowed answer can next change.
CREATE TABLE due (
  kind       smallint NOT NULL CHECK (kind IN (1, 2)),   -- 1 person, 2 account
  entity_id  bigint NOT NULL,
  at_ms      bigint NOT NULL,
  PRIMARY KEY (kind, entity_id)
);
CREATE INDEX due_at ON due (at_ms);

CREATE TABLE audience (
  id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key          text NOT NULL,
  name         text NOT NULL,
  of           text NOT NULL CHECK (of IN ('person', 'account')),
  definition   jsonb NOT NULL,
  feature      text NOT NULL DEFAULT '',         -- a campaign's: an open ticket tagged so mutes
  status       text NOT NULL DEFAULT 'building' CHECK (status IN ('building', 'live', 'deleted')),
  created_by   text NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  version      integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX audience_key ON audience (key) WHERE status <> 'deleted';

-- What the folds keep for definitions: one leaf a (predicate, window). Facts at or before
-- `live_pos` are folded in by the backfill, later ones live.
CREATE TABLE leaf (
  id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key        text NOT NULL UNIQUE,               -- canonical text of (predicate, window)
  live_pos   bigint,                             -- null until the worker has taken it up
  filled_pos bigint NOT NULL DEFAULT 0,          -- how far the backfill has come
  filled     boolean NOT NULL DEFAULT false
);

CREATE TABLE membership (
  audience_id  integer NOT NULL,
  entity_id    bigint NOT NULL,
  since_ms     bigint NOT NULL,
  PRIMARY KEY (audience_id, entity_id)
);
CREATE INDEX membership_entity ON membership (entity_id);

CREATE TABLE membership_change (
  id           bigserial PRIMARY KEY,
  audience_id  integer NOT NULL,
  entity_id    bigint NOT NULL,
  entered      boolean NOT NULL,
  at_ms        bigint NOT NULL,
  why          jsonb NOT NULL
);
CREATE INDEX membership_change_entity ON membership_change (entity_id, id);
CREATE INDEX membership_change_audience ON membership_change (audience_id, id);

-- ── work: sources ──────────────────────────────────────────────────────────────────────────────
CREATE TABLE source (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key         text NOT NULL UNIQUE,
  name        text NOT NULL,
  category    text NOT NULL
              CHECK (category IN ('product', 'website', 'billing', 'support', 'email')),
  write_key   text NOT NULL UNIQUE,
  enabled     boolean NOT NULL DEFAULT true,
  backfill    boolean NOT NULL DEFAULT false,    -- history is being loaded: signals wait
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now()
);

-- ── work: CRM ──────────────────────────────────────────────────────────────────────────────────
CREATE TABLE app_user (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email          text NOT NULL,
  name           text NOT NULL,
  role           text NOT NULL CHECK (role IN ('reader', 'member', 'admin')),
  password_hash  text NOT NULL,
  enabled        boolean NOT NULL DEFAULT true,
  created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX app_user_email ON app_user (lower(email));

CREATE TABLE account (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key         text NOT NULL,                     -- the account_id that tools send
  name        text NOT NULL DEFAULT '',
  name_sort   text NOT NULL DEFAULT '',
  domain      text NOT NULL DEFAULT '',
  industry    text NOT NULL DEFAULT '',
  plan        text NOT NULL DEFAULT '',
  owner_id    bigint REFERENCES app_user (id),
  risk        text NOT NULL DEFAULT '' CHECK (risk IN ('', 'warning', 'critical')),
  risk_reason text NOT NULL DEFAULT '',
  edited      jsonb NOT NULL DEFAULT '{}',       -- field → {"by", "at"}: by hand, wins over facts
  health      jsonb,                             -- signals.health, as the API answers it
  last_seen_ms bigint,
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX account_key ON account (md5(key));
CREATE INDEX account_owner ON account (owner_id);
CREATE INDEX account_name ON account (name_sort, id);
CREATE INDEX account_search ON account
  USING gin ((name_sort || ' ' || lower(key) || ' ' || domain) gin_trgm_ops);

CREATE TABLE contact (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email       text NOT NULL DEFAULT '',
  first_name  text NOT NULL DEFAULT '',
  last_name   text NOT NULL DEFAULT '',
  name_sort   text NOT NULL DEFAULT '',          -- first and last name, accents folded, lower case
  title       text NOT NULL DEFAULT '',
  phone       text NOT NULL DEFAULT '',
  account_id  bigint REFERENCES account (id),
  owner_id    bigint REFERENCES app_user (id),
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  archived_at timestamptz
);
CREATE UNIQUE INDEX contact_email ON contact (lower(email))
  WHERE email <> '' AND archived_at IS NULL;
CREATE INDEX contact_account ON contact (account_id);
CREATE INDEX contact_owner ON contact (owner_id);
CREATE INDEX contact_name ON contact (name_sort, id) WHERE archived_at IS NULL;
CREATE INDEX contact_updated ON contact (updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX contact_search ON contact USING gin ((name_sort || ' ' || email) gin_trgm_ops);

CREATE TABLE ticket (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject     text NOT NULL,
  subject_sort text NOT NULL DEFAULT '',         -- folded, for search
  content     text NOT NULL DEFAULT '',
  status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'paused', 'resolved')),
  priority    text NOT NULL DEFAULT 'medium'
              CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
  category    text NOT NULL DEFAULT 'general_inquiry'
              CHECK (category IN (
                'product_issue', 'billing_issue', 'feature_request', 'general_inquiry')),
  tags        text[] NOT NULL DEFAULT '{}',
  channel     text NOT NULL DEFAULT 'form' CHECK (channel IN ('chat', 'email', 'form', 'phone')),
  contact_id  bigint REFERENCES contact (id),
  account_id  bigint REFERENCES account (id),
  owner_id    bigint REFERENCES app_user (id),
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz
);
CREATE INDEX ticket_contact ON ticket (contact_id) WHERE status <> 'resolved';
CREATE INDEX ticket_account ON ticket (account_id);
CREATE INDEX ticket_list ON ticket (status, updated_at DESC, id);
CREATE INDEX ticket_owner ON ticket (owner_id) WHERE status <> 'resolved';
CREATE INDEX ticket_search ON ticket USING gin (subject_sort gin_trgm_ops);

-- A signal is an interpreted change; while open it is also the case (CTA) that a task works on.
CREATE TABLE signal (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind           text NOT NULL,                  -- usage_drop
  reason         text NOT NULL,                  -- core_events, active_users or quiet
  account_id     bigint NOT NULL REFERENCES account (id),
  status         text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'resolved')),
  severity       text NOT NULL CHECK (severity IN ('warning', 'critical')),
  evidence       jsonb NOT NULL,                 -- numbers, users and features that fell
  baseline       double precision NOT NULL,      -- frozen at opening
  fired          integer NOT NULL DEFAULT 1,
  opened_at      timestamptz NOT NULL,
  last_fired_at  timestamptz NOT NULL,
  resolved_at    timestamptz,
  outcome        text NOT NULL DEFAULT '',
  version        integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX signal_open ON signal (account_id, kind) WHERE status = 'open';
CREATE INDEX signal_list ON signal (status, last_fired_at DESC, id);

CREATE TABLE task (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject     text NOT NULL,
  subject_sort text NOT NULL DEFAULT '',         -- folded, for search
  body        text NOT NULL DEFAULT '',
  status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done', 'cancelled')),
  priority    text NOT NULL DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high')),
  kind        text NOT NULL DEFAULT 'todo' CHECK (kind IN ('todo', 'call', 'email')),
  due_at      timestamptz,
  owner_id    bigint REFERENCES app_user (id),
  account_id  bigint REFERENCES account (id),
  contact_id  bigint REFERENCES contact (id),
  ticket_id   bigint REFERENCES ticket (id),
  signal_id   bigint REFERENCES signal (id),
  reasons     jsonb NOT NULL DEFAULT '[]',       -- [{"text", "value"?}], as shown
  people      jsonb NOT NULL DEFAULT '[]',       -- [{"ref": "user_id:u1", "name", "text"}]
  outcome     text NOT NULL DEFAULT '',
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  done_at     timestamptz
);
CREATE UNIQUE INDEX task_signal ON task (signal_id) WHERE signal_id IS NOT NULL;
CREATE INDEX task_owner ON task (owner_id, status, due_at);
CREATE INDEX task_account ON task (account_id);
CREATE INDEX task_search ON task USING gin (subject_sort gin_trgm_ops);

-- ── work: activation ───────────────────────────────────────────────────────────────────────────
CREATE TABLE destination (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key         text NOT NULL UNIQUE,
  name        text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('webhook')),
  config      jsonb NOT NULL,                    -- {"url", "secret"}
  audiences   text[] NOT NULL DEFAULT '{}',      -- audience keys it receives
  enabled     boolean NOT NULL DEFAULT true,
  disabled_reason text NOT NULL DEFAULT '',      -- why the deliverer turned it off
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  version     integer NOT NULL DEFAULT 1
);

CREATE TABLE outbox (
  id              bigserial PRIMARY KEY,
  message_id      text NOT NULL DEFAULT 'msg_' || replace(gen_random_uuid()::text, '-', ''),
  destination_id  integer NOT NULL REFERENCES destination (id),
  subject         text NOT NULL,                 -- what it is about, for order: audience.entity
  home            text NOT NULL DEFAULT '',      -- identifier the outcome fact goes to
  payload         jsonb NOT NULL,
  status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed')),
  attempts        integer NOT NULL DEFAULT 0,
  next_ms         bigint NOT NULL,
  created_ms      bigint NOT NULL,
  done_ms         bigint,
  answer          text NOT NULL DEFAULT ''
);
CREATE INDEX outbox_pending ON outbox (destination_id, next_ms, id) WHERE status = 'pending';
CREATE INDEX outbox_subject ON outbox (destination_id, subject, id);
CREATE INDEX outbox_done ON outbox (done_ms) WHERE status <> 'pending';

-- ── doors ──────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE api_key (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL,
  role        text NOT NULL CHECK (role IN ('reader', 'member', 'admin')),
  key_hash    bytea NOT NULL UNIQUE,             -- sha256; the key itself is shown once
  hint        text NOT NULL,                     -- last four characters
  created_at  timestamptz NOT NULL DEFAULT now(),
  used_at     timestamptz,
  revoked_at  timestamptz
);

CREATE TABLE session (
  token_hash  bytea PRIMARY KEY,
  user_id     bigint NOT NULL REFERENCES app_user (id),
  csrf        text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL
);

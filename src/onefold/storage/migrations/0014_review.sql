-- Matching of known people by likeness: what is compared, models, pairs and their review, and the
-- numbers of the trust page. Everything here but answers and models can be made again.
ALTER TABLE identity_decision DROP CONSTRAINT identity_decision_kind_check;
ALTER TABLE identity_decision ADD CONSTRAINT identity_decision_kind_check
  CHECK (kind IN ('same', 'not_same', 'pin', 'match'));

-- What people chose, and how far the work has come. One row.
CREATE TABLE match_setting (
  id            integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  enabled       boolean NOT NULL DEFAULT true,
  certain_from  double precision,                -- probability; null: nobody is joined by likeness
  review_from   double precision NOT NULL DEFAULT 0.2,
  retrain_days  integer NOT NULL DEFAULT 7,
  assignee_id   bigint REFERENCES app_user (id),  -- who gets new pairs; null: nobody
  version       integer NOT NULL DEFAULT 1,
  changed_by    text NOT NULL DEFAULT '',
  changed_ms    bigint,
  model_id      bigint,
  seen_ms       bigint NOT NULL DEFAULT 0,       -- people changed until then are in match_record
  seen_journal  bigint NOT NULL DEFAULT 0,       -- person_journal.id
  seen_decision bigint NOT NULL DEFAULT 0,       -- newest change of a decision, ms
  look_ms       bigint NOT NULL DEFAULT 0        -- not to look for changes before
);
INSERT INTO match_setting DEFAULT VALUES;

CREATE TABLE match_model (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  origin     text NOT NULL CHECK (origin IN ('trained', 'loaded')),
  body       bytea NOT NULL,                     -- JSON as Splink writes it
  digest     text NOT NULL,
  records    integer NOT NULL,                   -- compared in training
  of_all     integer NOT NULL,                   -- known people then
  made_by    text NOT NULL,
  made_ms    bigint NOT NULL
);

CREATE TABLE match_run (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('full', 'weigh', 'changed')),
  status     text NOT NULL DEFAULT 'waiting'
             CHECK (status IN ('waiting', 'running', 'done', 'failed')),
  phase      text NOT NULL DEFAULT 'gather',
  at_person  bigint NOT NULL DEFAULT 0,          -- the last one scored by a full run
  total      integer NOT NULL DEFAULT 0,
  done       integer NOT NULL DEFAULT 0,
  pairs      bigint NOT NULL DEFAULT 0,
  proposed   integer NOT NULL DEFAULT 0,
  joined     integer NOT NULL DEFAULT 0,
  barred     integer NOT NULL DEFAULT 0,
  model_id   bigint,
  asked_by   text NOT NULL,
  asked_ms   bigint NOT NULL,
  started_ms bigint,
  done_ms    bigint,
  error      text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX match_run_open ON match_run (kind) WHERE status IN ('waiting', 'running');

-- A known person as it is compared. `a_*`: the strongest identifier, which decisions name.
CREATE TABLE match_record (
  person_id  bigint PRIMARY KEY,
  namespace  text NOT NULL,
  value      text NOT NULL,
  fields     jsonb NOT NULL,
  digest     bytea NOT NULL,
  names      text[] NOT NULL,                    -- different names that its identifiers carry
  impact     double precision NOT NULL,
  why        jsonb NOT NULL,                     -- events, tickets, tasks, mrr
  scored_by  bigint                              -- null: changed since
);
CREATE INDEX match_record_changed ON match_record (person_id) WHERE scored_by IS NULL;

-- Hashes of what records may share; records that share one are compared.
CREATE TABLE match_key (
  key        bigint NOT NULL,
  person_id  bigint NOT NULL,
  PRIMARY KEY (key, person_id)
);
CREATE INDEX match_key_person ON match_key (person_id);

CREATE TABLE match_candidate (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  a_person     bigint NOT NULL,
  b_person     bigint NOT NULL,
  a_namespace  text NOT NULL,
  a_value      text NOT NULL,
  b_namespace  text NOT NULL,
  b_value      text NOT NULL,
  status       text NOT NULL
               CHECK (status IN ('open', 'same', 'different', 'joined', 'settled', 'barred')),
  bits         double precision NOT NULL,        -- weight, prior included
  chance       double precision NOT NULL,        -- the same as a probability
  impact       double precision NOT NULL,
  rank         double precision NOT NULL,        -- impact × uncertainty
  pattern      text NOT NULL,                    -- outcomes of all comparisons
  steps        jsonb NOT NULL,                   -- the waterfall
  why          jsonb NOT NULL,                   -- what the impact is made of
  reason       text NOT NULL DEFAULT '',         -- barred: what f says; settled: by what
  model_id     bigint NOT NULL,
  assignee_id  bigint REFERENCES app_user (id),
  decision_id  bigint,
  batch        bigint,                           -- the first of answers given at once
  actor        text NOT NULL DEFAULT '',
  actor_name   text NOT NULL DEFAULT '',
  found_ms     bigint NOT NULL,
  done_ms      bigint,
  CHECK (a_person < b_person)
);
CREATE UNIQUE INDEX match_candidate_pair ON match_candidate (a_person, b_person)
  WHERE status IN ('open', 'barred');
CREATE INDEX match_candidate_queue ON match_candidate (rank DESC, id) WHERE status = 'open';
CREATE INDEX match_candidate_pattern ON match_candidate (pattern) WHERE status = 'open';
CREATE INDEX match_candidate_a ON match_candidate (a_person);
CREATE INDEX match_candidate_b ON match_candidate (b_person);
CREATE INDEX match_candidate_done ON match_candidate (done_ms) WHERE done_ms IS NOT NULL;
CREATE INDEX match_candidate_decision ON match_candidate (decision_id)
  WHERE decision_id IS NOT NULL;
CREATE INDEX match_candidate_batch ON match_candidate (batch) WHERE batch IS NOT NULL;

-- Who does not want to be asked about a pair for a while.
CREATE TABLE match_skip (
  candidate_id  bigint NOT NULL REFERENCES match_candidate (id) ON DELETE CASCADE,
  actor         text NOT NULL,
  at_ms         bigint NOT NULL,
  PRIMARY KEY (candidate_id, actor)
);

-- The trust page's numbers, made by a task. One row.
CREATE TABLE identity_trust (
  id       integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  at_ms    bigint NOT NULL,
  took_ms  integer NOT NULL,
  body     jsonb NOT NULL
);

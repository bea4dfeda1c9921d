-- What humans decided about who is who, kept for good and keyed by identifiers, so that a decision
-- outlives replays, merges and splits. `a_ms`, `b_ms`: for a device the moment that says which of
-- its chapters is meant, else 0.
CREATE TABLE identity_decision (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind            text NOT NULL CHECK (kind IN ('same', 'not_same', 'pin')),
  a_namespace     text NOT NULL,
  a_value         text NOT NULL,
  a_ms            bigint NOT NULL,
  b_namespace     text NOT NULL,
  b_value         text NOT NULL,
  b_ms            bigint NOT NULL,
  reason          text NOT NULL,
  actor           text NOT NULL,                 -- user:3, key:7
  actor_name      text NOT NULL,
  at_ms           bigint NOT NULL,
  undone_by       text,
  undone_by_name  text,
  undone_reason   text,
  undone_ms       bigint,
  replaced_by     bigint REFERENCES identity_decision (id),   -- a later word on the same pair
  -- The worker takes a change of a row up: `pending` is its durable queue.
  pending         boolean NOT NULL DEFAULT true,
  taken_ms        bigint,
  suppressed      text,                          -- why f cannot follow it; null when it does
  outcome         jsonb NOT NULL DEFAULT '[]'    -- what taking it up changed: journal entries
);
CREATE INDEX identity_decision_pending ON identity_decision (id) WHERE pending;
CREATE INDEX identity_decision_a ON identity_decision (a_namespace, md5(a_value));
CREATE INDEX identity_decision_b ON identity_decision (b_namespace, md5(b_value));

-- The decision that caused a change of people, or the end of it; null: what arrived.
ALTER TABLE person_journal ADD COLUMN decision_id bigint;
ALTER TABLE person_journal ADD COLUMN decision_ended boolean NOT NULL DEFAULT false;
CREATE INDEX person_journal_other ON person_journal (other_id) WHERE other_id IS NOT NULL;

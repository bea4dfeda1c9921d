-- The ledger in full: what was accepted and filtered, refusals that are settled, test sources.

-- Counted by whoever appends, in the append's own transaction: what the worker must account for.
CREATE TABLE accepted (
  source_id  integer NOT NULL,
  hour_ms    bigint NOT NULL,
  items      bigint NOT NULL,
  PRIMARY KEY (source_id, hour_ms)
) WITH (fillfactor = 50);
INSERT INTO accepted (source_id, hour_ms, items)
SELECT source_id, received_ms / 3600000 * 3600000, sum(items) FROM log GROUP BY 1, 2;

ALTER TABLE ledger ADD COLUMN filtered bigint NOT NULL DEFAULT 0;

-- Which rule filtered, why it was refused; and requests turned away whole, before the log.
CREATE TABLE ledger_reason (
  source_id  integer NOT NULL,
  hour_ms    bigint NOT NULL,
  outcome    text NOT NULL CHECK (outcome IN ('filtered', 'refused', 'turned_away')),
  reason     text NOT NULL,
  n          bigint NOT NULL,
  PRIMARY KEY (source_id, hour_ms, outcome, reason)
);
INSERT INTO ledger_reason (source_id, hour_ms, outcome, reason, n)
SELECT source_id, received_ms / 3600000 * 3600000, 'refused', code, count(*)
FROM refused GROUP BY 1, 2, 4;

-- What somebody did about refused items: the audit trail, and what an undo goes by.
CREATE TABLE refused_action (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source_id  integer NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('replayed', 'dropped')),
  code       text NOT NULL DEFAULT '',           -- the group it was about; '' for chosen items
  field      text NOT NULL DEFAULT '',
  fixes      jsonb NOT NULL DEFAULT '[]',
  items      integer NOT NULL,
  done_by    text NOT NULL,
  done_ms    bigint NOT NULL,
  undone_by  text NOT NULL DEFAULT '',
  undone_ms  bigint
);
CREATE INDEX refused_action_source ON refused_action (source_id, id);

ALTER TABLE refused
  ADD COLUMN resolution text NOT NULL DEFAULT ''
    CHECK (resolution IN ('', 'replayed', 'dropped')),
  ADD COLUMN action_id bigint REFERENCES refused_action (id),
  ADD COLUMN new_pos bigint;                     -- where the corrected item is
CREATE INDEX refused_open ON refused (source_id, code, field, pos) WHERE resolution = '';
CREATE INDEX refused_action_items ON refused (action_id) WHERE action_id IS NOT NULL;

-- A test source's items are checked at the door and kept in a short list, never in the log.
ALTER TABLE source ADD COLUMN test boolean NOT NULL DEFAULT false;
CREATE UNLOGGED TABLE micro_item (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source_id    integer NOT NULL,
  received_ms  bigint NOT NULL,
  outcome      text NOT NULL CHECK (outcome IN ('good', 'bad', 'duplicate', 'filtered')),
  message_id   text NOT NULL,
  body         bytea NOT NULL                    -- JSON, as the API shows it
);
CREATE INDEX micro_item_source ON micro_item (source_id, id);
CREATE INDEX micro_item_message ON micro_item (source_id, message_id) WHERE message_id <> '';

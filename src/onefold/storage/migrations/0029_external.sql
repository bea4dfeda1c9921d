-- Tickets and tasks that came from elsewhere in a file or table are found again by the id they have
-- there. A ticket that a source's events keep has the source beside it.
DROP INDEX ticket_external;
UPDATE ticket SET external_id = '' WHERE external_id IS NULL;
ALTER TABLE ticket ALTER external_id SET DEFAULT '', ALTER external_id SET NOT NULL;
CREATE UNIQUE INDEX ticket_external ON ticket (source_id, external_id) WHERE external_id <> '';
CREATE UNIQUE INDEX ticket_external_own ON ticket (external_id)
  WHERE external_id <> '' AND source_id IS NULL;

ALTER TABLE task ADD external_id text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX task_external ON task (external_id) WHERE external_id <> '';

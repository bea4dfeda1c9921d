-- Tickets of another help desk are tickets here as well: its events, which are facts, open, change
-- and resolve them. `external_id` is that help desk's own; `external_ms` when its newest event
-- that was taken up happened.
ALTER TABLE ticket
  ADD source_id integer,
  ADD external_id text,
  ADD external_ms bigint;
CREATE UNIQUE INDEX ticket_external ON ticket (source_id, external_id)
  WHERE external_id IS NOT NULL;

-- Facts that wait to be carried over to a ticket. `next_ms`: not before; a ticket needs somebody it
-- is about, and a help desk may tell who that is later.
CREATE TABLE desk_pending (
  pos      bigint PRIMARY KEY,
  next_ms  bigint NOT NULL
);
CREATE INDEX desk_pending_next ON desk_pending (next_ms, pos);

-- Collection: fragments by person, and people whose items are not taken.

-- The former index left out `person_id = 0`, and PostgreSQL cannot tell of a parameter that it
-- is not 0: each look at some thousand people read the whole table.
DROP INDEX fragment_person;
CREATE INDEX fragment_person ON fragment (person_id);

-- Whose items are answered as ever and then left out: counted, and never a fact. An entry holds
-- from the log row `from_seq` on until, and without, `until_seq`; the worker sets both when it
-- takes the change up, so that each row is admitted again as it first was.
CREATE TABLE suppression (
  id          bigserial PRIMARY KEY,
  namespace   text NOT NULL,
  value       text NOT NULL,
  reason      text NOT NULL DEFAULT '',
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  ended_by    text,
  ended_at    timestamptz,
  from_seq    bigint,
  until_seq   bigint
);
CREATE UNIQUE INDEX suppression_open ON suppression (namespace, md5(value)) WHERE ended_at IS NULL;
CREATE INDEX suppression_waiting ON suppression (id)
  WHERE from_seq IS NULL OR (ended_at IS NOT NULL AND until_seq IS NULL);

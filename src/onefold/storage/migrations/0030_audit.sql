-- Who let whom in: log-ins, users, keys. Rows are only ever added; ids only, so that no row can
-- hold somebody who was erased.
CREATE TABLE audit (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at       timestamptz NOT NULL DEFAULT now(),
  actor    text NOT NULL,                        -- user:3, key:7, system:0: also by which door
  action   text NOT NULL,                        -- user.changed
  subject  text NOT NULL,                        -- usr_3
  changes  jsonb NOT NULL DEFAULT '{}'           -- field → {from, to}
);
CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_actor ON audit (actor, id);

CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only ever added to';
END $$;
CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept();

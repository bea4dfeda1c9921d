-- Which account a person belongs to, why, and what people decided about it (identity/accounts).

-- `made`: 'domain' when the ladder made the account for people with an address there; it goes when
-- nobody is in it and nobody touched it. `merged_into`: the account it turned out to be; follows
-- decisions and never leads to another merged account. `parent_id`: the company it belongs to.
ALTER TABLE account ADD COLUMN made text NOT NULL DEFAULT '' CHECK (made IN ('', 'domain'));
ALTER TABLE account ADD COLUMN merged_into bigint REFERENCES account (id);
ALTER TABLE account ADD COLUMN parent_id bigint REFERENCES account (id);
ALTER TABLE account ADD CHECK (parent_id <> id AND merged_into <> id);
CREATE INDEX account_merged_into ON account (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX account_parent ON account (parent_id) WHERE parent_id IS NOT NULL;

-- `rung`: what says so, see identity/accounts/model.py. `until_ms`: the person left then.
ALTER TABLE person_account ADD COLUMN until_ms bigint;
ALTER TABLE person_account ADD COLUMN rung smallint NOT NULL DEFAULT 1;
ALTER TABLE person_account ADD COLUMN confidence real NOT NULL DEFAULT 1;
ALTER TABLE person_account ADD COLUMN role text NOT NULL DEFAULT '';

-- Whose a person's facts are that name no account: from then on, until the next row. 0: nobody's.
CREATE TABLE person_span (
  person_id   bigint NOT NULL,
  from_ms     bigint NOT NULL,
  account_id  bigint NOT NULL,
  PRIMARY KEY (person_id, from_ms)
);
CREATE INDEX person_span_account ON person_span (account_id);
INSERT INTO person_span
SELECT DISTINCT ON (person_id, since_ms) person_id, since_ms, account_id
FROM person_account JOIN account a ON a.id = account_id ORDER BY person_id, since_ms, a.key DESC;

-- What of a person's facts points to an account: the clues, and what became of each.
CREATE TABLE account_clue (
  person_id   bigint NOT NULL,
  rung        smallint NOT NULL,
  value       text NOT NULL,
  first_ms    bigint NOT NULL,
  account_id  bigint,                    -- the account it points to; null: to none, or to several
  outcome     text NOT NULL,
  PRIMARY KEY (person_id, rung, value)
);
CREATE INDEX account_clue_value ON account_clue (rung, value);
CREATE INDEX account_clue_open ON account_clue (person_id)
  WHERE outcome IN ('outranked', 'several', 'unsure', 'unknown');

-- What an account can be found by: domains, registry ids, names in normal form.
CREATE TABLE account_claim (
  account_id  bigint NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('domain', 'registry', 'name')),
  value       text NOT NULL,
  source      text NOT NULL CHECK (source IN ('facts', 'crm', 'made')),
  place       text NOT NULL DEFAULT '',  -- of a name: country and city, and the legal form
  PRIMARY KEY (account_id, kind, value)
);
CREATE INDEX account_claim_value ON account_claim (kind, value);
CREATE INDEX account_claim_like ON account_claim USING gin (value gin_trgm_ops)
  WHERE kind = 'name';

-- A domain whose people are in several accounts by those accounts' own ids, and that no account
-- claims: an agency's, a provider's. It makes no account.
CREATE TABLE shared_domain (domain text PRIMARY KEY);

-- The workspace's own word on domains, before the lists of packages.
CREATE TABLE domain_rule (
  domain      text PRIMARY KEY,
  verdict     text NOT NULL CHECK (verdict IN ('allowed', 'free', 'disposable', 'shared', 'own')),
  note        text NOT NULL DEFAULT '',
  actor       text NOT NULL,
  actor_name  text NOT NULL,
  at_ms       bigint NOT NULL
);

-- What people decided, kept for good and keyed by identifiers and account keys.
CREATE TABLE account_decision (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind            text NOT NULL
                  CHECK (kind IN (
                    'member', 'not_member', 'primary', 'merge', 'domain', 'not_domain')),
  account_key     text NOT NULL,
  namespace       text NOT NULL DEFAULT '',      -- of the person, for the first three
  value           text NOT NULL DEFAULT '',      -- of the person; the other account; the domain
  role            text NOT NULL DEFAULT '',
  from_ms         bigint,
  until_ms        bigint,
  reason          text NOT NULL,
  actor           text NOT NULL,
  actor_name      text NOT NULL,
  at_ms           bigint NOT NULL,
  undone_by       text,
  undone_by_name  text,
  undone_reason   text,
  undone_ms       bigint,
  replaced_by     bigint REFERENCES account_decision (id),
  pending         boolean NOT NULL DEFAULT true,  -- the worker's durable queue
  taken_ms        bigint
);
CREATE INDEX account_decision_pending ON account_decision (id) WHERE pending;
CREATE INDEX account_decision_value ON account_decision (namespace, md5(value));
CREATE INDEX account_decision_account ON account_decision (md5(account_key));

-- How the ladder is set, and how far a look at everybody has come: `sweep_kind` 1 people, 2
-- accounts, 0 nobody waits. `lists`: which edition of the packages' lists the last look was by.
CREATE TABLE account_ladder (
  one          boolean PRIMARY KEY DEFAULT true CHECK (one),
  make         boolean NOT NULL DEFAULT true,
  version      bigint NOT NULL DEFAULT 1,
  taken        bigint NOT NULL DEFAULT 0,
  lists        text NOT NULL DEFAULT '',
  sweep_kind   smallint NOT NULL DEFAULT 2,
  sweep_after  bigint NOT NULL DEFAULT 0
);
INSERT INTO account_ladder DEFAULT VALUES;

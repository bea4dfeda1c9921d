-- Identifier rules as data. A version is a whole set of namespaces and never changes; going back is
-- a new version with the former's rows. `from_seq` is the first log row that is admitted by it (the
-- worker fills it in between two batches); what it says of grouping is replayed over every link.
CREATE TABLE namespace_version (
  id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  from_seq   bigint,                              -- null: waits for the worker
  back_to    integer REFERENCES namespace_version (id),
  reason     text NOT NULL DEFAULT '',
  actor      text NOT NULL,
  actor_name text NOT NULL,
  at_ms      bigint NOT NULL,
  taken_ms   bigint,
  -- The replay: identifiers up to `done` are grouped by this version, `upto` is the last to do.
  done       bigint NOT NULL DEFAULT 0,
  upto       bigint NOT NULL DEFAULT 0,
  done_ms    bigint,                              -- null: under way, or given up for a later one
  changed    bigint NOT NULL DEFAULT 0            -- people whose identifiers changed by the replay
);
CREATE INDEX namespace_version_waiting ON namespace_version (id) WHERE from_seq IS NULL;

CREATE TABLE namespace (
  version      integer NOT NULL REFERENCES namespace_version (id),
  name         text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{1,39}$'),
  kind         text NOT NULL CHECK (kind IN ('person', 'device', 'account')),
  priority     integer NOT NULL CHECK (priority BETWEEN 1 AND 1000),
  -- values of one person; null: any number
  most         integer CHECK (most BETWEEN 1 AND 1000),
  -- that the limit looks at; null: ever
  window_days  integer CHECK (window_days BETWEEN 1 AND 3650),
  hub          integer CHECK (hub BETWEEN 1 AND 10000),     -- null: the house's own
  verified     text[] NOT NULL DEFAULT '{}',      -- whose word is proof: categories, src_4, *
  blocked      text[] NOT NULL DEFAULT '{}',      -- values that never link
  patterns     text[] NOT NULL DEFAULT '{}',      -- nor do values that match
  form         text NOT NULL DEFAULT 'text'
               CHECK (form IN ('text', 'lower', 'email', 'phone', 'domain', 'company')),
  region       text NOT NULL DEFAULT '',          -- of telephone numbers without a country
  types        text[] NOT NULL DEFAULT '{}',      -- other names it has in `context.externalIds`
  traits       text[] NOT NULL DEFAULT '{}',      -- traits that carry it
  PRIMARY KEY (version, name)
);

-- What a change would do, worked out aside over the links that are stored.
CREATE TABLE namespace_preview (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  base        integer NOT NULL,                   -- the version it changes
  rules       jsonb NOT NULL,                     -- the whole set that is proposed
  back_to     integer REFERENCES namespace_version (id),
  status      text NOT NULL DEFAULT 'waiting'
              CHECK (status IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
  actor       text NOT NULL,
  actor_name  text NOT NULL,
  at_ms       bigint NOT NULL,
  -- identifiers looked at; the job goes on from here
  done        bigint NOT NULL DEFAULT 0,
  upto        bigint NOT NULL DEFAULT 0,
  people      bigint NOT NULL DEFAULT 0,          -- looked at
  merged      bigint NOT NULL DEFAULT 0,          -- people who would become part of another
  split       bigint NOT NULL DEFAULT 0,          -- people who would come apart
  moved       bigint NOT NULL DEFAULT 0,          -- people who would lose to or gain from others
  identifiers bigint NOT NULL DEFAULT 0,          -- that would belong to another person
  examples    jsonb NOT NULL DEFAULT '[]',
  error       text NOT NULL DEFAULT '',
  done_ms     bigint
);

-- Who told of a link between people, and the newest day on which: {"12:billing": 20417}
ALTER TABLE link ADD COLUMN told jsonb;
UPDATE link l
SET told = jsonb_build_object(l.source_id || ':' || coalesce(
  (SELECT s.category FROM source s WHERE s.id = l.source_id), 'crm'), l.last_day)
WHERE NOT EXISTS (SELECT FROM identifier i
  WHERE i.id IN (l.a, l.b) AND i.namespace IN ('anonymous_id', 'account_id'));

INSERT INTO namespace_version (reason, actor, actor_name, at_ms)
VALUES ('The rules that Onefold comes with', 'system:0', 'Onefold', 0);
INSERT INTO namespace (version, name, kind, priority, most, hub, verified, form, types, traits)
VALUES
  (1, 'user_id', 'person', 10, 1, NULL, '{*}', 'text', '{userid,id}', '{}'),
  (1, 'contact', 'person', 20, 5, NULL, '{crm,system,billing}', 'text', '{}', '{}'),
  (1, 'email', 'person', 30, 5, NULL, '{crm,system,billing}', 'email', '{e_mail}', '{email}'),
  (1, 'phone', 'person', 40, 5, 1, '{crm,system,billing}', 'phone', '{phone_number,mobile}',
    '{phone}'),
  (1, 'hubspot_contact_id', 'person', 50, 5, NULL, '{crm,system,support}', 'text',
    '{hubspot_id,hubspot}', '{}'),
  (1, 'salesforce_contact_id', 'person', 51, 5, NULL, '{crm,system,support}', 'text',
    '{salesforce_id,salesforce}', '{}'),
  (1, 'salesforce_lead_id', 'person', 52, 5, NULL, '{crm,system,support}', 'text', '{}', '{}'),
  (1, 'stripe_customer_id', 'person', 53, 5, NULL, '{billing,crm,system}', 'text',
    '{stripe_customer,stripe_id,stripe}', '{}'),
  (1, 'shopify_customer_id', 'person', 54, 5, NULL,
    '{billing,crm,system}', 'text', '{shopify_id}', '{}'),
  (1, 'intercom_contact_id', 'person', 55, 5, NULL, '{support,crm,system}', 'text',
    '{intercom_id,intercom_user_id,intercom}', '{}'),
  (1, 'zendesk_user_id', 'person', 56, 5, NULL, '{support,crm,system}', 'text',
    '{zendesk_id,zendesk}', '{}'),
  (1, 'github_login', 'person', 57, 5, NULL, '{}', 'lower', '{}', '{}'),
  (1, 'cross_domain_id', 'person', 70, 5, NULL, '{}', 'text', '{}', '{}'),
  (1, 'anonymous_id', 'device', 90, NULL, NULL, '{}', 'text', '{anonymousid}', '{}'),
  (1, 'ios_id', 'device', 91, NULL, NULL, '{}', 'lower', '{idfv}', '{}'),
  (1, 'ios_idfa', 'device', 92, NULL, NULL, '{}', 'lower', '{idfa}', '{}'),
  (1, 'ios_push_token', 'device', 93, NULL, NULL, '{}', 'text', '{}', '{}'),
  (1, 'android_id', 'device', 94, NULL, NULL, '{}', 'lower', '{}', '{}'),
  (1, 'android_idfa', 'device', 95, NULL, NULL, '{}', 'lower', '{gaid,aaid,advertising_id}', '{}'),
  (1, 'android_push_token', 'device', 96, NULL, NULL, '{}', 'text', '{}', '{}'),
  (1, 'ga_client_id', 'device', 97, NULL, NULL, '{}', 'text', '{ga}', '{}'),
  (1, 'cookie_id', 'device', 98, NULL, NULL, '{}', 'text', '{cookie,fbp}', '{}'),
  (1, 'account_id', 'account', 100, NULL, NULL, '{}', 'text',
    '{group_id,company_id,organization_id,organisation_id,workspace_id,tenant_id}', '{}'),
  (1, 'domain', 'account', 101, NULL, NULL, '{}', 'domain', '{}', '{}'),
  (1, 'company', 'account', 102, NULL, NULL, '{}', 'company', '{organization,account}', '{}');

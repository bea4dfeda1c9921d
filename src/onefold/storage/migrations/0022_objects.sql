-- CRM objects: pipelines and deals, leads, products, subscriptions, activities with attachments,
-- associations, fields of the workspace's own, saved views, changes in bulk, idempotency keys.

-- Fields that a workspace adds to an object. Values are in the record's `custom`, by `key`.
CREATE TABLE custom_field (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  object      text NOT NULL,                     -- deal, contact …
  key         text NOT NULL CHECK (key ~ '^[a-z][a-z0-9_]{0,39}$'),
  label       text NOT NULL,
  kind        text NOT NULL CHECK (kind IN (
                'text', 'number', 'money', 'date', 'select', 'multi_select', 'user', 'reference')),
  options     text[] NOT NULL DEFAULT '{}',      -- of a select
  refers      text NOT NULL DEFAULT '',          -- the object that a reference is to
  required    boolean NOT NULL DEFAULT false,
  position    integer NOT NULL DEFAULT 0,
  archived_at timestamptz,
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (object, key)
);

-- Money is kept in minor units of its currency; sums are in the base currency, at the rate of the
-- day on which the amount was set. `rate`: what one unit is worth in the base currency.
CREATE TABLE currency (
  code        text PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
  rate        double precision NOT NULL CHECK (rate > 0),
  is_base     boolean NOT NULL DEFAULT false,
  updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX currency_base ON currency (is_base) WHERE is_base;
INSERT INTO currency (code, rate, is_base) VALUES ('USD', 1, true);

-- ── deals ──────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE pipeline (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL,
  position    integer NOT NULL DEFAULT 0,
  archived_at timestamptz,
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX pipeline_name ON pipeline (lower(name)) WHERE archived_at IS NULL;

-- `category` is what code goes by, whatever a stage is called.
CREATE TABLE stage (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  pipeline_id bigint NOT NULL REFERENCES pipeline (id),
  name        text NOT NULL,
  position    integer NOT NULL,
  category    text NOT NULL DEFAULT 'open' CHECK (category IN ('open', 'won', 'lost')),
  probability smallint NOT NULL CHECK (probability BETWEEN 0 AND 100),
  forecast    text NOT NULL
              CHECK (forecast IN ('pipeline', 'best_case', 'commit', 'closed', 'omitted')),
  stale_days  integer NOT NULL DEFAULT 0,        -- a deal here for longer is marked; 0: never
  archived_at timestamptz
);
CREATE INDEX stage_pipeline ON stage (pipeline_id, position);

INSERT INTO pipeline (name) VALUES ('Sales');
INSERT INTO stage (pipeline_id, name, position, category, probability, forecast, stale_days)
SELECT p.id, s.* FROM pipeline p, (VALUES
  ('Appointment scheduled', 0, 'open', 20, 'pipeline', 14),
  ('Qualified to buy', 1, 'open', 40, 'pipeline', 14),
  ('Presentation scheduled', 2, 'open', 60, 'best_case', 14),
  ('Decision maker bought in', 3, 'open', 80, 'commit', 14),
  ('Contract sent', 4, 'open', 90, 'commit', 14),
  ('Closed won', 5, 'won', 100, 'closed', 0),
  ('Closed lost', 6, 'lost', 0, 'omitted', 0)) AS s;

-- `probability` and `forecast` are those of the stage when the deal entered it, until somebody
-- sets them; a stage that changes later does not rewrite its deals.
CREATE TABLE deal (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL,
  name_sort   text NOT NULL DEFAULT '',
  pipeline_id bigint NOT NULL REFERENCES pipeline (id),
  stage_id    bigint NOT NULL REFERENCES stage (id),
  status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'won', 'lost')),
  probability smallint NOT NULL DEFAULT 0 CHECK (probability BETWEEN 0 AND 100),
  forecast    text NOT NULL DEFAULT 'pipeline'
              CHECK (forecast IN ('pipeline', 'best_case', 'commit', 'closed', 'omitted')),
  amount      bigint,                            -- minor units of `currency`
  currency    text NOT NULL,
  amount_base bigint,                            -- minor units of the base currency
  close_date  date,
  closed_at   timestamptz,
  stage_at    timestamptz NOT NULL DEFAULT now(),
  kind        text NOT NULL DEFAULT '' CHECK (kind IN ('', 'new_business', 'existing_business')),
  source      text NOT NULL DEFAULT '',
  reason      text NOT NULL DEFAULT '',          -- why it was won or lost
  reason_note text NOT NULL DEFAULT '',
  description text NOT NULL DEFAULT '',
  next_step   text NOT NULL DEFAULT '',
  next_step_at date,
  account_id  bigint REFERENCES account (id),
  contact_id  bigint REFERENCES contact (id),
  owner_id    bigint REFERENCES app_user (id),
  external_id text NOT NULL DEFAULT '',
  custom      jsonb NOT NULL DEFAULT '{}',
  edited      jsonb NOT NULL DEFAULT '{}',       -- field → {"by", "at"}
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  archived_at timestamptz
);
CREATE UNIQUE INDEX deal_external ON deal (external_id) WHERE external_id <> '';
CREATE INDEX deal_name ON deal (name_sort, id) WHERE archived_at IS NULL;
CREATE INDEX deal_updated ON deal (updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX deal_close ON deal ((coalesce(close_date, '9999-12-31'::date)), id)
  WHERE archived_at IS NULL;
CREATE INDEX deal_amount ON deal ((coalesce(amount_base, -1)), id) WHERE archived_at IS NULL;
CREATE INDEX deal_next ON deal ((coalesce(next_step_at, '9999-12-31'::date)), id)
  WHERE archived_at IS NULL;
CREATE INDEX deal_stage_at ON deal (stage_at, id) WHERE archived_at IS NULL;
CREATE INDEX deal_board ON deal (pipeline_id, status, stage_id) INCLUDE (amount_base, probability)
  WHERE archived_at IS NULL;
CREATE INDEX deal_column ON deal (stage_id, (coalesce(close_date, '9999-12-31'::date)), id)
  WHERE archived_at IS NULL;
CREATE INDEX deal_owner ON deal (owner_id, status);
CREATE INDEX deal_account ON deal (account_id);
CREATE INDEX deal_contact ON deal (contact_id);
CREATE INDEX deal_custom ON deal USING gin (custom jsonb_path_ops);
CREATE INDEX deal_search ON deal USING gin (name_sort gin_trgm_ops);

-- Each move of a deal: who, when, whence, whither, and how long it had been there. The first row
-- has no `from_id`.
CREATE TABLE deal_move (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  deal_id     bigint NOT NULL REFERENCES deal (id) ON DELETE CASCADE,
  from_id     bigint REFERENCES stage (id),
  to_id       bigint NOT NULL REFERENCES stage (id),
  at          timestamptz NOT NULL,
  by          text NOT NULL,
  stayed_s    bigint,
  amount_base bigint
);
CREATE INDEX deal_move_deal ON deal_move (deal_id, id);
CREATE INDEX deal_move_to ON deal_move (to_id, at);

-- Owners that a record has had. The first row has no `from_id`.
CREATE TABLE owner_change (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  object      text NOT NULL,
  record_id   bigint NOT NULL,
  from_id     bigint,
  to_id       bigint,
  at          timestamptz NOT NULL,
  by          text NOT NULL
);
CREATE INDEX owner_change_record ON owner_change (object, record_id, id);
CREATE INDEX owner_change_at ON owner_change (object, at);

CREATE TABLE product (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL,
  name_sort   text NOT NULL DEFAULT '',
  code        text NOT NULL DEFAULT '',
  description text NOT NULL DEFAULT '',
  family      text NOT NULL DEFAULT '',
  price       bigint,
  currency    text NOT NULL,
  billing     text NOT NULL DEFAULT 'once' CHECK (billing IN ('once', 'monthly', 'yearly')),
  active      boolean NOT NULL DEFAULT true,
  custom      jsonb NOT NULL DEFAULT '{}',
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  archived_at timestamptz
);
CREATE UNIQUE INDEX product_code ON product (code) WHERE code <> '' AND archived_at IS NULL;
CREATE INDEX product_name ON product (name_sort, id) WHERE archived_at IS NULL;
CREATE INDEX product_search ON product USING gin ((name_sort || ' ' || lower(code)) gin_trgm_ops);
CREATE INDEX product_custom ON product USING gin (custom jsonb_path_ops);

-- What a deal is about. `price` is in the deal's currency, `total` after the discount.
CREATE TABLE deal_line (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  deal_id     bigint NOT NULL REFERENCES deal (id) ON DELETE CASCADE,
  product_id  bigint REFERENCES product (id),
  name        text NOT NULL,
  quantity    numeric(14, 4) NOT NULL CHECK (quantity > 0),
  price       bigint NOT NULL,
  discount    numeric(7, 4) NOT NULL DEFAULT 0 CHECK (discount BETWEEN 0 AND 100),
  billing     text NOT NULL DEFAULT 'once' CHECK (billing IN ('once', 'monthly', 'yearly')),
  total       bigint NOT NULL,
  position    integer NOT NULL
);
CREATE INDEX deal_line_deal ON deal_line (deal_id, position);
CREATE INDEX deal_line_product ON deal_line (product_id);

-- ── leads ──────────────────────────────────────────────────────────────────────────────────────
-- `conversion`: what converting it made and changed, so that it can be taken back.
CREATE TABLE lead (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email       text NOT NULL DEFAULT '',
  first_name  text NOT NULL DEFAULT '',
  last_name   text NOT NULL DEFAULT '',
  name_sort   text NOT NULL DEFAULT '',
  title       text NOT NULL DEFAULT '',
  phone       text NOT NULL DEFAULT '',
  company     text NOT NULL DEFAULT '',
  domain      text NOT NULL DEFAULT '',
  source      text NOT NULL DEFAULT '',
  status      text NOT NULL DEFAULT 'new' CHECK (status IN (
                'new', 'attempting', 'connected', 'qualified', 'unqualified', 'converted')),
  rating      text NOT NULL DEFAULT '' CHECK (rating IN ('', 'hot', 'warm', 'cold')),
  reason      text NOT NULL DEFAULT '',
  description text NOT NULL DEFAULT '',
  next_step   text NOT NULL DEFAULT '',
  next_step_at date,
  owner_id    bigint REFERENCES app_user (id),
  contact_id  bigint REFERENCES contact (id),
  account_id  bigint REFERENCES account (id),
  deal_id     bigint REFERENCES deal (id),
  converted_at timestamptz,
  conversion  jsonb,
  external_id text NOT NULL DEFAULT '',
  custom      jsonb NOT NULL DEFAULT '{}',
  edited      jsonb NOT NULL DEFAULT '{}',
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  archived_at timestamptz
);
CREATE UNIQUE INDEX lead_email ON lead (lower(email))
  WHERE email <> '' AND archived_at IS NULL AND status NOT IN ('unqualified', 'converted');
CREATE INDEX lead_any_email ON lead (lower(email)) WHERE email <> '';
CREATE INDEX lead_external ON lead (external_id) WHERE external_id <> '';
CREATE INDEX lead_name ON lead (name_sort, id) WHERE archived_at IS NULL;
CREATE INDEX lead_updated ON lead (updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX lead_status ON lead (status, updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX lead_owner ON lead (owner_id, status);
CREATE INDEX lead_contact ON lead (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX lead_account ON lead (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX lead_deal ON lead (deal_id) WHERE deal_id IS NOT NULL;
CREATE INDEX lead_custom ON lead USING gin (custom jsonb_path_ops);
CREATE INDEX lead_search ON lead
  USING gin ((name_sort || ' ' || email || ' ' || lower(company)) gin_trgm_ops);

-- ── subscriptions and contracts ────────────────────────────────────────────────────────────────
CREATE TABLE subscription (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL,
  name_sort   text NOT NULL DEFAULT '',
  status      text NOT NULL DEFAULT 'active'
              CHECK (status IN ('trial', 'active', 'past_due', 'paused', 'ended')),
  plan        text NOT NULL DEFAULT '',
  seats       bigint,
  mrr         bigint,                            -- minor units of `currency`, a month
  currency    text NOT NULL,
  mrr_base    bigint,
  start_date  date,
  renewal_date date,
  end_date    date,
  term_months integer,
  notice_days integer,
  auto_renew  boolean NOT NULL DEFAULT true,
  terms       text NOT NULL DEFAULT '',
  account_id  bigint REFERENCES account (id),
  contact_id  bigint REFERENCES contact (id),
  deal_id     bigint REFERENCES deal (id),
  owner_id    bigint REFERENCES app_user (id),
  external_id text NOT NULL DEFAULT '',          -- the billing system's own
  external_ms bigint,                            -- when its newest event taken up happened
  custom      jsonb NOT NULL DEFAULT '{}',
  edited      jsonb NOT NULL DEFAULT '{}',
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  archived_at timestamptz
);
CREATE UNIQUE INDEX subscription_external ON subscription (external_id) WHERE external_id <> '';
CREATE INDEX subscription_name ON subscription (name_sort, id) WHERE archived_at IS NULL;
CREATE INDEX subscription_updated ON subscription (updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX subscription_renewal
  ON subscription ((coalesce(renewal_date, '9999-12-31'::date)), id) WHERE archived_at IS NULL;
CREATE INDEX subscription_mrr ON subscription ((coalesce(mrr_base, -1)), id)
  WHERE archived_at IS NULL;
CREATE INDEX subscription_account ON subscription (account_id);
CREATE INDEX subscription_contact ON subscription (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX subscription_deal ON subscription (deal_id) WHERE deal_id IS NOT NULL;
CREATE INDEX subscription_owner ON subscription (owner_id, status);
CREATE INDEX subscription_custom ON subscription USING gin (custom jsonb_path_ops);
CREATE INDEX subscription_search ON subscription USING gin (name_sort gin_trgm_ops);

-- ── activities ─────────────────────────────────────────────────────────────────────────────────
CREATE TABLE activity (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind        text NOT NULL DEFAULT 'note' CHECK (kind IN ('call', 'meeting', 'email', 'note')),
  subject     text NOT NULL DEFAULT '',
  subject_sort text NOT NULL DEFAULT '',
  body        text NOT NULL DEFAULT '',
  at          timestamptz NOT NULL,
  minutes     integer,
  direction   text NOT NULL DEFAULT '' CHECK (direction IN ('', 'inbound', 'outbound')),
  outcome     text NOT NULL DEFAULT '',
  location    text NOT NULL DEFAULT '',
  pinned      boolean NOT NULL DEFAULT false,
  mentions    bigint[] NOT NULL DEFAULT '{}',    -- users named in the body
  account_id  bigint REFERENCES account (id),
  contact_id  bigint REFERENCES contact (id),
  deal_id     bigint REFERENCES deal (id),
  lead_id     bigint REFERENCES lead (id),
  ticket_id   bigint REFERENCES ticket (id),
  owner_id    bigint REFERENCES app_user (id),
  external_id text NOT NULL DEFAULT '',
  custom      jsonb NOT NULL DEFAULT '{}',
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  archived_at timestamptz
);
CREATE UNIQUE INDEX activity_external ON activity (external_id) WHERE external_id <> '';
CREATE INDEX activity_at ON activity (at, id) WHERE archived_at IS NULL;
CREATE INDEX activity_kind ON activity (kind, at, id) WHERE archived_at IS NULL;
CREATE INDEX activity_updated ON activity (updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX activity_account ON activity (account_id, at, id);
CREATE INDEX activity_contact ON activity (contact_id, at, id);
CREATE INDEX activity_deal ON activity (deal_id, at, id) WHERE deal_id IS NOT NULL;
CREATE INDEX activity_lead ON activity (lead_id, at, id) WHERE lead_id IS NOT NULL;
CREATE INDEX activity_ticket ON activity (ticket_id, at, id) WHERE ticket_id IS NOT NULL;
CREATE INDEX activity_owner ON activity (owner_id, at, id);
CREATE INDEX activity_mentions ON activity USING gin (mentions);
CREATE INDEX activity_custom ON activity USING gin (custom jsonb_path_ops);
CREATE INDEX activity_search ON activity USING gin (subject_sort gin_trgm_ops);

CREATE TABLE attachment (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  object      text NOT NULL,
  record_id   bigint NOT NULL,
  name        text NOT NULL,
  media_type  text NOT NULL,
  bytes       bigint NOT NULL,
  sha256      bytea NOT NULL,
  content     bytea NOT NULL,
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE attachment ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX attachment_record ON attachment (object, record_id, id);

-- ── associations ───────────────────────────────────────────────────────────────────────────────
-- Kinds of link between two objects, with the name it has from either side.
CREATE TABLE association_label (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  from_object text NOT NULL,
  to_object   text NOT NULL,
  key         text NOT NULL CHECK (key ~ '^[a-z][a-z0-9_]{0,39}$'),
  label       text NOT NULL,
  inverse     text NOT NULL DEFAULT '',
  UNIQUE (from_object, to_object, key)
);
INSERT INTO association_label (from_object, to_object, key, label, inverse) VALUES
  ('deal', 'contact', 'champion', 'Champion', 'Champion of'),
  ('deal', 'contact', 'economic_buyer', 'Economic buyer', 'Economic buyer of'),
  ('deal', 'contact', 'decision_maker', 'Decision maker', 'Decision maker of'),
  ('deal', 'contact', 'evaluator', 'Evaluator', 'Evaluator of'),
  ('deal', 'contact', 'user', 'User', 'User in'),
  ('deal', 'contact', 'influencer', 'Influencer', 'Influencer of'),
  ('deal', 'contact', 'legal', 'Legal and purchasing', 'Legal and purchasing of'),
  ('deal', 'contact', 'blocker', 'Blocker', 'Blocker of'),
  ('deal', 'account', 'partner', 'Partner', 'Partner in'),
  ('contact', 'account', 'employee', 'Works at', 'Employee'),
  ('contact', 'account', 'former_employee', 'Worked at', 'Former employee'),
  ('contact', 'account', 'consultant', 'Consultant of', 'Consultant'),
  ('account', 'account', 'partner', 'Partner of', 'Partner of'),
  ('ticket', 'ticket', 'related', 'Related to', 'Related to'),
  ('ticket', 'deal', 'blocks', 'Holds up', 'Held up by');

-- The primary link of a pair is the record's own column where it has one (a deal's `account_id`);
-- for other pairs it is the row with `is_primary`.
CREATE TABLE association (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  from_object text NOT NULL,
  from_id     bigint NOT NULL,
  to_object   text NOT NULL,
  to_id       bigint NOT NULL,
  label       text NOT NULL DEFAULT '',
  is_primary  boolean NOT NULL DEFAULT false,
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (from_object, from_id, to_object, to_id, label)
);
CREATE INDEX association_back ON association (to_object, to_id, from_object, from_id);
CREATE UNIQUE INDEX association_primary ON association (from_object, from_id, to_object)
  WHERE is_primary;

-- ── views, changes in bulk, requests sent twice ────────────────────────────────────────────────
CREATE TABLE saved_view (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  object      text NOT NULL,
  name        text NOT NULL,
  query       text NOT NULL DEFAULT '',          -- of the list's address
  columns     text[] NOT NULL DEFAULT '{}',
  owner_id    bigint REFERENCES app_user (id),
  shared      boolean NOT NULL DEFAULT false,
  position    integer NOT NULL DEFAULT 0,
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX saved_view_object ON saved_view (object, position, id);

CREATE TABLE bulk_edit (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  object      text NOT NULL,
  change      jsonb NOT NULL,                    -- fields to set, as the API takes them
  status      text NOT NULL DEFAULT 'waiting'
              CHECK (status IN ('waiting', 'running', 'done', 'undoing', 'undone')),
  total       integer NOT NULL DEFAULT 0,
  done        integer NOT NULL DEFAULT 0,
  changed     integer NOT NULL DEFAULT 0,
  refused     integer NOT NULL DEFAULT 0,
  kept        integer NOT NULL DEFAULT 0,        -- not taken back: changed again since
  by_kind     text NOT NULL,
  by_id       bigint NOT NULL,
  by_name     text NOT NULL,
  by_role     text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  done_at     timestamptz
);
-- `before`: the fields as they were, as the API takes them; null until the row is done.
CREATE TABLE bulk_row (
  bulk_id     bigint NOT NULL REFERENCES bulk_edit (id) ON DELETE CASCADE,
  record_id   bigint NOT NULL,
  state       text NOT NULL DEFAULT 'open'
              CHECK (state IN ('open', 'changed', 'same', 'refused', 'undone', 'kept')),
  before      jsonb,
  version     integer,
  PRIMARY KEY (bulk_id, record_id)
);

-- The answer to a request is kept under its Idempotency-Key, and given again to its repeat.
CREATE TABLE idempotency (
  actor       text NOT NULL,
  key         text NOT NULL,
  request     bytea NOT NULL,                    -- hash of method, path and body
  status      smallint,
  answer      bytea,
  at_ms       bigint NOT NULL,
  PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_at ON idempotency (at_ms);

-- ── the objects that there were ────────────────────────────────────────────────────────────────
ALTER TABLE account
  ADD custom jsonb NOT NULL DEFAULT '{}',
  ADD next_step text NOT NULL DEFAULT '',
  ADD next_step_at date;
CREATE INDEX account_updated ON account (updated_at, id);
CREATE INDEX account_seen ON account ((coalesce(last_seen_ms, 0)), id);
CREATE INDEX account_custom ON account USING gin (custom jsonb_path_ops);
ALTER TABLE contact
  ADD custom jsonb NOT NULL DEFAULT '{}',
  ADD lifecycle text NOT NULL DEFAULT '' CHECK (lifecycle IN (
    '', 'subscriber', 'lead', 'marketing_qualified', 'sales_qualified', 'opportunity', 'customer',
    'evangelist', 'other'));
CREATE INDEX contact_custom ON contact USING gin (custom jsonb_path_ops);
ALTER TABLE ticket ADD custom jsonb NOT NULL DEFAULT '{}';
CREATE INDEX ticket_updated ON ticket (updated_at, id);
CREATE INDEX ticket_custom ON ticket USING gin (custom jsonb_path_ops);
ALTER TABLE task
  ADD custom jsonb NOT NULL DEFAULT '{}',
  ADD deal_id bigint REFERENCES deal (id),
  ADD lead_id bigint REFERENCES lead (id),
  ADD remind_at timestamptz,
  ADD reminded_at timestamptz;
CREATE INDEX task_due ON task ((coalesce(due_at, '9999-12-31T23:59:59Z'::timestamptz)), id);
CREATE INDEX task_updated ON task (updated_at, id);
CREATE INDEX task_contact ON task (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX task_ticket ON task (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX task_deal ON task (deal_id) WHERE deal_id IS NOT NULL;
CREATE INDEX task_lead ON task (lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX task_remind ON task (remind_at)
  WHERE remind_at IS NOT NULL AND reminded_at IS NULL AND status = 'open';
CREATE INDEX task_custom ON task USING gin (custom jsonb_path_ops);

-- Objects whose changes a destination receives, beside its audiences.
ALTER TABLE destination ADD objects text[] NOT NULL DEFAULT '{}';
